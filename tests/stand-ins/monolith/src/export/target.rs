//! Where files go.

use std::{fs, path::PathBuf};

use super::ExportError;

/// A folder, or a bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// A folder of this machine.
    Folder(PathBuf),
    /// `http://endpoint/bucket` of the local cloud, which asks nobody for a signature.
    Bucket(String),
}

impl Target {
    /// A bucket's URL, or else a folder's path.
    pub fn read(text: &str) -> Self {
        if text.starts_with("http://") {
            Self::Bucket(text.trim_end_matches('/').to_owned())
        } else {
            Self::Folder(text.into())
        }
    }

    /// Writes a file, whole or not at all.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), ExportError> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join(path);
                let draft = file.with_extension("draft");
                let written = fs::create_dir_all(file.parent().unwrap_or(folder))
                    .and_then(|()| fs::write(&draft, bytes))
                    .and_then(|()| fs::rename(&draft, &file));
                written.map_err(|error| ExportError::File(file, error))
            }
            Self::Bucket(url) => {
                let sent = reqwest::Client::new().put(format!("{url}/{path}")).body(bytes).send().await;
                let answer = sent.and_then(reqwest::Response::error_for_status);
                answer.map(drop).map_err(|error| ExportError::Bucket(path.to_owned(), error.to_string()))
            }
        }
    }
}
