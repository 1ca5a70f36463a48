//! The switch: an EventBridge Pipe.

use crate::config::service_error;
use aws_config::SdkConfig;
use aws_sdk_pipes::Client;
use aws_sdk_pipes::error::ProvideErrorMetadata;
use aws_sdk_pipes::types::PipeState;
use domain::pipeline::{Switch, SwitchState};
use domain::services::ServiceError;

const SERVICE: &str = "EventBridge Pipes";

/// One Pipe.
#[derive(Debug, Clone)]
pub struct PipeSwitch {
    client: Client,
    name: String,
}

impl PipeSwitch {
    /// The Pipe of this name.
    pub fn new(sdk: &SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(sdk), name: name.into() }
    }
}

impl Switch for PipeSwitch {
    async fn state(&self) -> Result<SwitchState, ServiceError> {
        let answer =
            self.client.describe_pipe().name(&self.name).send().await.map_err(|e| service_error(SERVICE, &e))?;
        match answer.current_state {
            // A stop that failed left it running, a start that failed left it stopped: ask again.
            Some(PipeState::Running | PipeState::StopFailed) => Ok(SwitchState::Running),
            Some(PipeState::Stopped | PipeState::StartFailed) => Ok(SwitchState::Stopped),
            Some(PipeState::CreateFailed | PipeState::UpdateFailed | PipeState::DeleteFailed) | None => {
                let reason = format!("the Pipe is unusable: {:?} {:?}", answer.current_state, answer.state_reason);
                Err(ServiceError { service: SERVICE, reason })
            }
            Some(_) => Ok(SwitchState::InTransition),
        }
    }

    async fn start(&self) -> Result<(), ServiceError> {
        match self.client.start_pipe().name(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => Ok(()),
            Err(error) => Err(service_error(SERVICE, &error)),
        }
    }

    async fn stop(&self) -> Result<(), ServiceError> {
        match self.client.stop_pipe().name(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => Ok(()),
            Err(error) => Err(service_error(SERVICE, &error)),
        }
    }
}
