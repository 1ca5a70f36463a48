//! `route-splitter`: a steered route's requests, each to the side that the steering names. What that side says goes to
//! the reader as it is.

use crate::event::{Asked, ProxyAnswer};
use crate::monolith::MonolithSide;
use crate::observer::{Notice, Observer};
use crate::shadow;
use crate::steering::Steerings;
use domain::pipeline::ProjectionSource;
use domain::routes::side::{Bucket, COOKIE, Side, reads};
use domain::routes::store::{Services, ShadowQueue};
use domain::routes::{Mode, RouteName, Steering};
use domain::time::{Chance, Clock};
use serde::Deserialize;
use serde_json::Value;

/// A month: as long as a canary may take.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

/// The service behind the Lambda `route-splitter`.
pub struct Splitter<S, L, M, Q, R, O> {
    /// What the routes are steered to.
    pub steerings: Steerings<S, R>,
    /// One side.
    pub monolith: L,
    /// The other side.
    pub services: M,
    /// Where requests wait to be compared.
    pub shadows: Q,
    /// Time and chance.
    pub machine: R,
    /// Who counts.
    pub observer: O,
}

impl<S, L, M, Q, R, O> Splitter<S, L, M, Q, R, O>
where
    S: ProjectionSource,
    L: MonolithSide,
    M: Services,
    Q: ShadowQueue,
    R: Clock + Chance,
    O: Observer,
{
    /// Answers one request. There is always an answer, for a function that fails tells its reader nothing.
    pub async fn answer(&self, event: &Value) -> ProxyAnswer {
        let asked = match Asked::parse(event) {
            Ok(asked) => asked,
            Err(error) => {
                tracing::error!(error = %error, "the function was called with something else than a request");
                return ProxyAnswer::problem(500, "Internal Server Error", "Something failed on our side.", None);
            }
        };
        let Some(route) = RouteName::of_path(&asked.path) else {
            tracing::error!("the API sends a route here that is not steered");
            return ProxyAnswer::problem(404, "Not Found", "There is nothing here.", Some(&asked));
        };
        let steering = self.steerings.of(route).await;
        let known = Bucket::of_cookies(asked.header("cookie"));
        let bucket = known.unwrap_or_else(|| Bucket::of_address(asked.address()));
        let mut answer = match steering.side(&asked.http_method, bucket) {
            Side::Modern => self.modern(route, steering, &asked, event).await,
            Side::Monolith => self.monolith(route, &asked).await,
        };
        if steering.is_compared(&asked.http_method, &self.machine) && answer.status_code < 500 {
            self.send_shadow(route, event, &answer).await;
        }
        if steering.mode == Mode::Canary && known.is_none() {
            answer.add_header("set-cookie", cookie(bucket));
        }
        answer
    }

    async fn monolith(&self, route: RouteName, asked: &Asked) -> ProxyAnswer {
        let began = self.machine.now();
        let answered = self.monolith.ask(asked).await;
        let now = self.machine.now();
        self.observer.notice(now, route, Notice::Answered { side: Side::Monolith, took: began.until(now) });
        answered.unwrap_or_else(|error| {
            tracing::error!(route = route.as_str(), error = %error, "the monolith gave no answer");
            unavailable(asked)
        })
    }

    async fn modern(&self, route: RouteName, steering: Steering, asked: &Asked, event: &Value) -> ProxyAnswer {
        let began = self.machine.now();
        let answered = self.ask_service(route, event).await;
        let now = self.machine.now();
        self.observer.notice(now, route, Notice::Answered { side: Side::Modern, took: began.until(now) });
        let failed = match answered {
            Ok(answer) if answer.status_code < 500 => return answer,
            Ok(answer) => {
                tracing::warn!(route = route.as_str(), status = answer.status_code, "the new service failed");
                Some(answer)
            }
            Err(error) => {
                tracing::warn!(route = route.as_str(), error, "the new service gave no usable answer");
                None
            }
        };
        self.observer.notice(now, route, Notice::ModernFailed);
        // A canary's readers pay nothing for it: the monolith knows the answer still.
        if steering.mode == Mode::Canary && reads(&asked.http_method) {
            return self.monolith(route, asked).await;
        }
        failed.unwrap_or_else(|| unavailable(asked))
    }

    async fn ask_service(&self, route: RouteName, event: &Value) -> Result<ProxyAnswer, String> {
        let answer = self.services.ask(route, event).await.map_err(|error| error.to_string())?;
        ProxyAnswer::deserialize(answer).map_err(|_| "it is no answer to a request".to_owned())
    }

    /// Sent before the reader has their answer, as a function freezes after it; whatever becomes of it changes nothing
    /// of the answer.
    async fn send_shadow(&self, route: RouteName, event: &Value, answer: &ProxyAnswer) {
        let began = self.machine.now();
        let message = shadow::Message::new(route, event, answer).text();
        let notice = match self.shadows.send(&message).await {
            Ok(()) => Notice::ShadowSent { took: began.until(self.machine.now()) },
            Err(error) => {
                tracing::warn!(route = route.as_str(), error = %error, "a request will not be compared");
                Notice::ShadowLost
            }
        };
        self.observer.notice(self.machine.now(), route, notice);
    }
}

fn cookie(bucket: Bucket) -> String {
    format!("{COOKIE}={}; Path=/; Max-Age={COOKIE_SECONDS}; Secure; HttpOnly; SameSite=Lax", bucket.get())
}

fn unavailable(asked: &Asked) -> ProxyAnswer {
    ProxyAnswer::problem(502, "Bad Gateway", "This is not available for the moment. Try again soon.", Some(asked))
}
