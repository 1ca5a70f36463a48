//! The routes over fakes, and who calls them.

use articles::api::{Desk, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use domain::articles::store::{Articles, Contents};
use domain::articles::{Article, ArticleId, ArticleStatus, AuthorId, ContentKey, Tag};
use domain::cursor::Signer;
use domain::decisions::Entitlement;
use domain::intent::{CustomerId, IntentId, IntentKey, Tier};
use domain::time::{Clock, Timestamp};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use serde_json::{Value, json};
use std::time::Duration;
use testing::articles::{MemoryArticles, MemoryContents};
use testing::clock::VirtualMachine;
use testing::content::MemoryEntitlements;
use testing::turn::Turnstile;
use tower::ServiceExt;

/// The name of every caller's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Without a token.
    Anonymous,
    /// Author of whatever the world holds.
    Ada,
    /// Another contributor.
    Bob,
    /// An editor.
    Eve,
    /// A reader, in no group.
    Rita,
    /// A reader with an active subscription.
    Paul,
}

impl Who {
    pub const ALL: [Self; 6] = [Self::Anonymous, Self::Ada, Self::Bob, Self::Eve, Self::Rita, Self::Paul];

    fn claims(self) -> Option<Value> {
        let (sub, groups) = match self {
            Self::Anonymous => return None,
            Self::Ada => ("ada", "contributors"),
            Self::Bob => ("bob", "contributors"),
            Self::Eve => ("eve", "staff,editors"),
            Self::Rita => ("rita", ""),
            Self::Paul => ("paul", "readers"),
        };
        Some(json!({"sub": sub, "cognito:groups": groups}))
    }

    /// What API Gateway says of the request.
    fn context(self) -> RequestContext {
        let mut event = json!({
            "resource": "/", "path": "/", "httpMethod": "GET", "headers": {"host": "api"},
            "requestContext": {"accountId": "1", "resourceId": "r", "stage": "prod", "requestId": "id-1", "apiId": "a",
                "identity": {"sourceIp": "127.0.0.1"}, "resourcePath": "/", "httpMethod": "GET", "path": "/"}
        });
        if let Some(claims) = self.claims() {
            event["requestContext"]["authorizer"] = json!({"claims": claims});
        }
        lambda_http::request::from_str(&event.to_string()).unwrap().request_context_ref().unwrap().clone()
    }
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem's detail.
    pub fn detail(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

/// A request to be.
pub struct Call {
    pub who: Who,
    pub request: axum::http::request::Builder,
    pub body: String,
}

impl Call {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn seen(self, version: u64) -> Self {
        self.header("if-match", &format!("\"{version}\""))
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self
    }
}

pub fn call(who: Who, method: &str, path: &str) -> Call {
    let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    Call { who, request, body: String::new() }
}

pub fn get(who: Who, path: &str) -> Call {
    call(who, "GET", path)
}

/// What a contributor sends.
pub fn draft(status: &str) -> Value {
    json!({
        "title": "Ice on the Moon", "summary": "It is there.", "markdown": "# Ice\n\nThere *is*.\n", "byline": "Ada Byron",
        "tags": ["moon", "ice"], "premium": false, "status": status,
    })
}

/// The service with all that it stands on.
#[derive(Clone)]
pub struct World {
    pub router: Router,
    pub articles: MemoryArticles,
    pub contents: MemoryContents,
    pub turns: Turnstile,
    pub machine: VirtualMachine,
}

pub const KEY: &[u8] = b"a key of thirty-two bytes, no less";

impl World {
    pub fn new() -> Self {
        let turns = Turnstile::default();
        let machine = VirtualMachine::new(turns.clone(), 7);
        let (articles, contents) = (MemoryArticles::new(turns.clone()), MemoryContents::new(turns.clone()));
        let entitlements = MemoryEntitlements::new(turns.clone());
        entitlements.give(entitlement("paul", machine.now().plus(Duration::from_hours(1))));
        entitlements.give(entitlement("rita", machine.now().minus(Duration::from_millis(1))));
        let desk = Desk {
            articles: articles.clone(),
            contents: contents.clone(),
            entitlements,
            machine: machine.clone(),
            signer: Signer::new(KEY),
        };
        Self { router: router(desk), articles, contents, turns, machine }
    }

    /// A world with an article of Ada's, version 3.
    pub async fn with(status: ArticleStatus, premium: bool) -> Self {
        let world = Self::new();
        world.keep(Article { status, premium, ..World::article("ice") }).await;
        world
    }

    /// An article of Ada's, published, version 3.
    pub fn article(id: &str) -> Article {
        let id = ArticleId::new(id).unwrap();
        Article {
            version: 3,
            status: ArticleStatus::Published,
            title: "Ice".to_owned(),
            summary: "Cold.".to_owned(),
            author: AuthorId::new("ada").unwrap(),
            byline: "Ada Byron".to_owned(),
            tags: vec![Tag::new("moon").unwrap()],
            premium: false,
            published_at: Some(Timestamp(1_700_000_000_000)),
            updated_at: Timestamp(1_700_000_000_123),
            content: ContentKey::of(&id, "The *old* body.\n"),
            source: None,
            id,
        }
    }

    pub async fn keep(&self, article: Article) {
        self.contents.put(&article.content, "The *old* body.\n").await.unwrap();
        self.articles.give(article);
    }

    pub async fn stored(&self, id: &str) -> Option<Article> {
        self.articles.article(&ArticleId::new(id).unwrap()).await.unwrap()
    }

    pub async fn send(&self, mut call: Call) -> Answer {
        let body = std::mem::take(&mut call.body);
        self.send_bytes(call, body.into_bytes()).await
    }

    pub async fn send_bytes(&self, call: Call, body: Vec<u8>) -> Answer {
        let mut request = call.request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(call.who.context());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        assert_eq!(parts.headers["x-served-by"], "modern");
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

fn entitlement(name: &str, until: Timestamp) -> Entitlement {
    let customer = CustomerId::new(name).unwrap();
    let key = IntentKey::new("0b0f4a52-6d5c-4c6e-9b37-6d2f5b1f7a10").unwrap();
    let intent_id = IntentId::of(&customer, &key);
    Entitlement { customer, tier: Tier::Premium, intent_id, since: Timestamp(0), until }
}
