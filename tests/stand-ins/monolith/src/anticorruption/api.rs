//! The articles service's HTTP interface, as far as the monolith needs it.

use std::{path::PathBuf, time::Duration};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::{Deserialize, de::DeserializeOwned};

use super::words::{NewArticle, View, old_field};
use crate::internal::ArtError;

/// Longer than the service may take, shorter than readers wait.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The articles service.
pub struct ArticlesApi {
    client: Client,
    base: Url,
    token_file: PathBuf,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The articles, without their bodies.
    pub articles: Vec<View>,
    /// What to ask for to get those that follow.
    pub next: Option<String>,
}

impl ArticlesApi {
    /// The service at this base URL; the file holds the access token of an editor.
    pub fn new(base: &str, token_file: PathBuf) -> Result<Self, String> {
        let mut base = Url::parse(base).map_err(|error| format!("{base} is no URL: {error}"))?;
        if base.cannot_be_a_base() {
            return Err(format!("{base} is no base URL"));
        }
        if !base.path().ends_with('/') {
            let folder = format!("{}/", base.path());
            base.set_path(&folder);
        }
        let client = Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT).no_proxy().build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, base, token_file })
    }

    /// One article of whatever status, its body with it.
    pub async fn read(&self, id: &str) -> Result<View, ArtError> {
        decoded(self.send(self.request(Method::GET, &format!("articles/{id}/premium"))?).await?).await
    }

    /// Published articles, the newest first.
    pub async fn list(
        &self,
        author: Option<&str>,
        tag: Option<&str>,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page, ArtError> {
        let mut url = self.url("articles")?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &limit.to_string());
            for (name, value) in [("author", author), ("tag", tag), ("cursor", cursor)] {
                value.map(|value| query.append_pair(name, value));
            }
        }
        decoded(self.send(self.client.get(url)).await?).await
    }

    /// Makes an article.
    pub async fn create(&self, article: &NewArticle) -> Result<(), ArtError> {
        self.send(with_json(self.request(Method::POST, "articles")?, article)?).await.map(|_| ())
    }

    /// Writes the version after `version`.
    pub async fn change(&self, id: &str, version: u64, article: &NewArticle) -> Result<(), ArtError> {
        let request = self.request(Method::PUT, &format!("articles/{id}"))?;
        match self.send(with_json(if_match(request, version), article)?).await {
            // There is no name to be taken: what was a draft is published meanwhile.
            Err(ArtError::KeyTaken) => Err(ArtError::Changed),
            answered => answered.map(|_| ()),
        }
    }

    /// Withdraws an article that is still at `version`.
    pub async fn withdraw(&self, id: &str, version: u64) -> Result<(), ArtError> {
        let request = self.request(Method::DELETE, &format!("articles/{id}"))?;
        self.send(if_match(request, version)).await.map(|_| ())
    }

    fn url(&self, path: &str) -> Result<Url, ArtError> {
        self.base.join(path).map_err(away)
    }

    /// A request in an editor's name. The file is read each time: tokens expire, and somebody renews it.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, ArtError> {
        let token = std::fs::read_to_string(&self.token_file).map_err(away)?;
        Ok(self.client.request(method, self.url(path)?).bearer_auth(token.trim()))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ArtError> {
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(match status {
            StatusCode::NOT_FOUND => ArtError::Unknown,
            StatusCode::CONFLICT => ArtError::KeyTaken,
            StatusCode::GONE => ArtError::Withdrawn,
            StatusCode::PRECONDITION_FAILED => ArtError::Changed,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                refused(&response.text().await.unwrap_or_default())
            }
            _ => away(format!("the articles service answered {status}")),
        })
    }
}

fn if_match(request: RequestBuilder, version: u64) -> RequestBuilder {
    request.header(header::IF_MATCH, format!("\"{version}\""))
}

fn with_json(request: RequestBuilder, article: &NewArticle) -> Result<RequestBuilder, ArtError> {
    let body = serde_json::to_vec(article).map_err(away)?;
    Ok(request.header(header::CONTENT_TYPE, "application/json").body(body))
}

async fn decoded<T: DeserializeOwned>(response: Response) -> Result<T, ArtError> {
    serde_json::from_slice(&response.bytes().await.map_err(away)?).map_err(away)
}

/// A problem whose detail is `field: rule`, in the old words.
fn refused(problem: &str) -> ArtError {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let Ok(Problem { detail }) = serde_json::from_str(problem) else {
        return ArtError::field("article", "is refused by the articles service");
    };
    match detail.split_once(": ").filter(|(field, _)| field.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        Some((field, rule)) => ArtError::field(old_field(field), rule),
        None => ArtError::field("article", format!("is refused: {detail}")),
    }
}

fn away(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ArtError {
    ArtError::Away(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_field_has_its_old_name() {
        let refused = refused(r#"{"status": 400, "detail": "title: must be 1 to 200 characters"}"#);
        assert_eq!(refused.to_string(), "ART-040: headline must be 1 to 200 characters");
        for odd in ["", "<html>", r#"{"detail": "No."}"#, r#"{"detail": "what a thing: no"}"#] {
            assert_eq!(super::refused(odd).to_string().split_once(' ').unwrap().1.split(' ').next(), Some("article"));
        }
    }

    #[test]
    fn a_base_url_keeps_its_path() {
        let api = ArticlesApi::new("http://127.0.0.1:1/stage", PathBuf::new()).unwrap();
        assert_eq!(api.url("articles").unwrap().as_str(), "http://127.0.0.1:1/stage/articles");
        assert!(ArticlesApi::new("nonsense", PathBuf::new()).is_err());
    }
}
