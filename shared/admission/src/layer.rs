//! A [`tower::Layer`] that puts a gate around any [`tower::Service`]: admit, wait, recheck, call, classify, report.
//!
//! ```
//! # use admission::{Admission, UnknownDependency, classify::HttpResponses, layer::GateLayer, observer::Unobserved};
//! # use domain::gate::store::Gates;
//! # use domain::time::{Chance, Clock, Pause};
//! # use tower::{Service, ServiceBuilder};
//! # fn protect<S, R, C>(admission: Admission<S, R, Unobserved>, client: C)
//! #     -> Result<impl Service<http::Request<String>>, UnknownDependency>
//! # where
//! #     S: Gates + Send + Sync + 'static,
//! #     R: Clock + Chance + Pause + Send + Sync + 'static,
//! #     C: Service<http::Request<String>, Response = http::Response<String>, Error: Send, Future: Send>,
//! #     C: Clone + Send + 'static,
//! # {
//! let gate = GateLayer::new(admission, "payment", HttpResponses)?;
//! let client = ServiceBuilder::new().layer(gate).service(client);
//! # Ok(client)
//! # }
//! ```
//!
//! What a call's end means is the layer's policy, see [`classify`](crate::classify). The layer sees what the inner service
//! answers: where that is an HTTP response whose body has not come yet, a body that hangs is not seen. Put the layer around
//! a service that reads the whole answer where that matters.
//!
//! A call whose future is dropped reports nothing. A trial's permit comes back with its lease; every other permit is only a
//! number, but its failure is not counted either. So a time-out outside of the layer must be longer than the layer's wait
//! and the gate's `callTimeoutMs` together, or a provider that hangs is never seen to fail.
//!
//! The inner service is polled ready before the call is admitted: whatever it reserves then (a connection, a place in a
//! concurrency limit) is kept through the wait, and an error of its readiness is not counted.

use crate::admission::{Admission, AdmitError, UnknownDependency};
use crate::classify::Classify;
use crate::observer::Observer;
use domain::gate::admit::{CallNotPermitted, InvalidRequest, Permit};
use domain::gate::report::Outcome;
use domain::gate::store::Gates;
use domain::time::{Chance, Clock, Pause, Timestamp};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// Puts one dependency's gate around services.
pub struct GateLayer<S, R, O, P> {
    gate: Arc<Gate<S, R, O, P>>,
}

struct Gate<S, R, O, P> {
    admission: Admission<S, R, O>,
    dependency: String,
    policy: Arc<P>,
    tokens: u32,
    patience: Duration,
    call_timeout: Duration,
    slow_call_duration: Duration,
}

/// A service behind a gate.
pub struct Gated<T, S, R, O, P> {
    inner: T,
    gate: Arc<Gate<S, R, O, P>>,
}

/// How a gated call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError<E> {
    /// The gate said no, for now: nothing was sent.
    #[error(transparent)]
    NotPermitted(CallNotPermitted),
    /// The gate can never say yes to such a call: nothing was sent.
    #[error(transparent)]
    Invalid(InvalidRequest),
    /// There is no such gate: nothing was sent.
    #[error(transparent)]
    Unknown(UnknownDependency),
    /// The call took longer than the gate's `callTimeoutMs` and was given up; nobody knows what came of it.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The service's own error.
    #[error(transparent)]
    Inner(E),
}

impl<E> From<AdmitError> for GateError<E> {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::NotPermitted(refusal) => Self::NotPermitted(refusal),
            AdmitError::Invalid(request) => Self::Invalid(request),
            AdmitError::Unknown(dependency) => Self::Unknown(dependency),
        }
    }
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer, P> GateLayer<S, R, O, P> {
    /// The gate of `dependency`, with a policy that says what a call's end means. A call takes one token, and waits no
    /// longer than the gate's `callSlackMs` before it is refused.
    ///
    /// # Errors
    /// [`UnknownDependency`]: `admission` was not given such a gate.
    pub fn new(admission: Admission<S, R, O>, dependency: &str, policy: P) -> Result<Self, UnknownDependency> {
        let config = admission.config(dependency)?;
        let gate = Gate {
            dependency: dependency.to_owned(),
            policy: Arc::new(policy),
            tokens: 1,
            // Not zero: a deadline of this very millisecond may have passed when the gate looks at it.
            patience: config.call_slack,
            call_timeout: config.call_timeout,
            slow_call_duration: config.slow_call_duration,
            admission,
        };
        Ok(Self { gate: Arc::new(gate) })
    }

    /// How many tokens each call takes.
    #[must_use]
    pub fn tokens(self, tokens: u32) -> Self {
        self.with(|gate| gate.tokens = tokens)
    }

    /// How long a call may wait for its slot, or for the end of a push-back, before it is refused; never less than the
    /// gate's `callSlackMs`. An open circuit is refused at once all the same.
    #[must_use]
    pub fn max_wait(self, wait: Duration) -> Self {
        self.with(|gate| gate.patience = gate.patience.max(wait))
    }

    fn with(self, change: impl FnOnce(&mut Gate<S, R, O, P>)) -> Self {
        let mut gate = Arc::unwrap_or_clone(self.gate);
        change(&mut gate);
        Self { gate: Arc::new(gate) }
    }
}

impl<T, S, R, O, P> Layer<T> for GateLayer<S, R, O, P> {
    type Service = Gated<T, S, R, O, P>;

    fn layer(&self, inner: T) -> Self::Service {
        Gated { inner, gate: Arc::clone(&self.gate) }
    }
}

/// The future of a gated call.
pub type GatedFuture<A, E> = Pin<Box<dyn Future<Output = Result<A, GateError<E>>> + Send>>;

impl<Q, T, S, R, O, P> Service<Q> for Gated<T, S, R, O, P>
where
    Q: Send + 'static,
    T: Service<Q, Response: Send, Error: Send, Future: Send> + Clone + Send + 'static,
    S: Gates + Send + Sync + 'static,
    R: Clock + Chance + Pause + Send + Sync + 'static,
    O: Observer + Send + Sync + 'static,
    P: Classify<T::Response, T::Error> + Send + Sync + 'static,
{
    type Response = T::Response;
    type Error = GateError<T::Error>;
    type Future = GatedFuture<T::Response, T::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(GateError::Inner)
    }

    fn call(&mut self, request: Q) -> Self::Future {
        // The service that was polled ready makes the call; its clone, which was not, stays.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let gate = Arc::clone(&self.gate);
        Box::pin(async move { gate.call(inner, request).await })
    }
}

impl<S: Gates, R: Clock + Chance + Pause, O: Observer, P> Gate<S, R, O, P> {
    async fn call<Q, T>(&self, mut inner: T, request: Q) -> Result<T::Response, GateError<T::Error>>
    where
        T: Service<Q>,
        P: Classify<T::Response, T::Error>,
    {
        let deadline = self.admission.now().plus(self.patience);
        let permit = self.admission.pass(&self.dependency, self.tokens, deadline).await?;
        let began = self.admission.now();
        let result = self.in_time(inner.call(request)).await;
        let outcome = match &result {
            Some(result) => self.judge(result.as_ref(), began),
            None => Outcome::Failure,
        };
        self.report(&permit, outcome).await;
        result.map_or(Err(GateError::TimedOut(self.call_timeout)), |result| result.map_err(GateError::Inner))
    }

    /// The call's result, unless it takes longer than a call may; then it is dropped.
    async fn in_time<F: Future>(&self, call: F) -> Option<F::Output> {
        let mut call = pin!(call);
        let mut end = pin!(self.admission.inner.runtime.pause(self.call_timeout));
        poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending => end.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    fn judge<A, E>(&self, result: Result<&A, &E>, began: Timestamp) -> Outcome
    where
        P: Classify<A, E>,
    {
        let took = began.until(self.admission.now());
        match self.policy.classify(result) {
            Outcome::Success if took >= self.slow_call_duration => Outcome::Slow,
            outcome => outcome,
        }
    }

    /// The answer is here, whatever becomes of the report.
    async fn report(&self, permit: &Permit, outcome: Outcome) {
        if let Err(error) = self.admission.report(permit, outcome).await {
            tracing::error!(
                gate.dependency = %self.dependency,
                gate.outcome = ?outcome,
                error = %error,
                "the outcome of a call could not be reported to its gate"
            );
        }
    }
}

impl<S, R, O, P> Clone for Gate<S, R, O, P> {
    fn clone(&self) -> Self {
        Self {
            admission: self.admission.clone(),
            dependency: self.dependency.clone(),
            policy: Arc::clone(&self.policy),
            ..*self
        }
    }
}

impl<S, R, O, P> Clone for GateLayer<S, R, O, P> {
    fn clone(&self) -> Self {
        Self { gate: Arc::clone(&self.gate) }
    }
}

impl<T: Clone, S, R, O, P> Clone for Gated<T, S, R, O, P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), gate: Arc::clone(&self.gate) }
    }
}

#[cfg(test)]
mod tests;
