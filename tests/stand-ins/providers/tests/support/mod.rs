//! A provider on a free port, and an HTTP client that shows what came over the wire, nothing included.

use std::{collections::HashMap, fmt::Write as _, io};

use axum::Router;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A provider that serves until the test's runtime ends.
#[derive(Clone, Copy)]
pub struct Provider {
    port: u16,
}

/// An answer, as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub text: String,
}

impl Answer {
    /// The JSON body; null, if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Provider {
    pub async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(axum::serve(listener, routes).into_future());
        Self { port }
    }

    /// Sends a request; `None` means that the connection closed without a byte of an answer.
    pub async fn send(self, line: &str, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
        let mut connection = self.begin(line, headers, body).await.unwrap();
        let mut received = Vec::new();
        // A reset is as good as an end: what counts is what had come until then.
        connection.read_to_end(&mut received).await.ok();
        let received = String::from_utf8(received).unwrap();
        let (head, text) = received.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Some(Answer { status, headers, text: text.to_owned() })
    }

    /// Sends a request and does not wait for the answer.
    pub async fn begin(self, line: &str, headers: &[(&str, &str)], body: &str) -> io::Result<TcpStream> {
        let mut request = format!("{line} HTTP/1.1\r\nhost: provider\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").map_err(io::Error::other)?;
        }
        write!(request, "content-length: {}\r\n\r\n{body}", body.len()).map_err(io::Error::other)?;
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await?;
        connection.write_all(request.as_bytes()).await?;
        Ok(connection)
    }

    /// Orders a fault.
    pub async fn order(self, fault: Value) {
        let answer = self.send("PUT /admin/fault", &[], &fault.to_string()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// What the provider did.
    pub async fn journal(self) -> Value {
        self.send("GET /admin/journal", &[], "").await.unwrap().json()
    }
}
