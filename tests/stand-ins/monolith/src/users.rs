//! Who reads, comments and writes: accounts, passwords, sessions.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::{
    clock::SharedClock,
    dates,
    slug::slug,
    store::{Store, StoreError},
};

/// How long a session lasts, in seconds.
pub const SESSION_SECONDS: i64 = 30 * 24 * 3600;
/// Hashing takes 19 MB and all of a processor: so many at once.
const HASHES: usize = 2;

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The account's name; the `author_code` of what its owner writes.
    pub user_code: String,
    /// The owner's name, for others.
    pub full_name: String,
    /// What the owner may do.
    pub role: Role,
}

/// What the owner of an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read and comment.
    Reader,
    /// Write articles too.
    Contributor,
    /// Edit what others wrote.
    Editor,
}

/// Why somebody has no account, or is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A field of the form, and what it must be.
    #[error("{0}")]
    Field(&'static str),
    /// There is an account with that address.
    #[error("There is an account with this e-mail address. Sign in instead.")]
    Known,
    /// No account has that address and that password.
    #[error("E-mail address and password do not belong together.")]
    Wrong,
    /// The database, or chance, failed.
    #[error("accounts are not available")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// The accounts.
#[derive(Clone)]
pub struct Users {
    store: Store,
    clock: SharedClock,
    editors: Arc<[String]>,
    may_hash: Arc<Semaphore>,
}

impl Users {
    /// In this database; the owners of these e-mail addresses are editors.
    pub fn new(store: Store, clock: SharedClock, editors: &[String]) -> Self {
        let editors = editors.iter().map(|email| email.to_lowercase()).collect();
        Self { store, clock, editors, may_hash: Arc::new(Semaphore::new(HASHES)) }
    }

    /// Makes an account and signs its owner in: the session's secret.
    pub async fn register(&self, email: &str, full_name: &str, password: &str) -> Result<String, Refused> {
        let email = checked_email(email)?;
        let full_name = checked_name(full_name)?;
        if !(10..=200).contains(&password.chars().count()) {
            return Err(Refused::Field("The password must have 10 to 200 characters."));
        }
        let password = password.to_owned();
        let hash =
            self.hashing(move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()));
        let pass_hash = hash.await?.map_err(|error| Refused::Failed(error.to_string().into()))?;
        // Never the name alone: somebody of that name may have written here before.
        let user_code = format!("{}-{}", slug(&full_name, 60), secret(4)?.to_lowercase().replace(['-', '_'], "0"));
        let reg_date = dates::old(self.clock.now()).unwrap_or_default();
        let new = user_code.clone();
        let made = self.store.write(move |transaction| {
            transaction.execute(
                "INSERT INTO site_user (user_code, email, full_name, pass_hash, role, reg_date)
                 VALUES (?1, ?2, ?3, ?4, 'R', ?5) ON CONFLICT DO NOTHING",
                (new, email, full_name, pass_hash, reg_date),
            )
        });
        if made.await? == 0 {
            return Err(Refused::Known);
        }
        self.begin_session(user_code).await
    }

    /// Signs somebody in: the session's secret.
    pub async fn sign_in(&self, email: &str, password: &str) -> Result<String, Refused> {
        let email = email.trim().to_lowercase();
        let found = self.store.read(move |connection| {
            let sql = "SELECT user_code, pass_hash FROM site_user WHERE email = ?1";
            connection.query_row(sql, [email], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        });
        let found: Option<(String, String)> = found.await?;
        // Without an account it takes as long as with one.
        let (user_code, pass_hash) = found.map_or((None, NOBODY.to_owned()), |(code, hash)| (Some(code), hash));
        let password = password.to_owned();
        let verified = self.hashing(move || {
            let hash = PasswordHash::new(&pass_hash).ok();
            hash.is_some_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        let verified = verified.await?;
        match user_code.filter(|_| verified) {
            Some(user_code) => self.begin_session(user_code).await,
            None => Err(Refused::Wrong),
        }
    }

    /// Whose session this is.
    pub async fn of_session(&self, secret: &str) -> Result<Option<User>, StoreError> {
        let (token_hash, now) = (digest(secret), self.clock.now() / 1000);
        let found = self.store.read(move |connection| {
            let sql = "SELECT user_code, full_name, role, email FROM user_session JOIN site_user USING (user_code)
                       WHERE token_hash = ?1 AND ends_at > ?2";
            let row = connection
                .prepare_cached(sql)?
                .query_row((token_hash, now), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
            row.optional()
        });
        let found: Option<(String, String, String, String)> = found.await?;
        Ok(found.map(|(user_code, full_name, role, email)| {
            let role = match role.as_str() {
                _ if self.editors.contains(&email) => Role::Editor,
                "C" => Role::Contributor,
                _ => Role::Reader,
            };
            User { user_code, full_name, role }
        }))
    }

    /// Ends a session, and those whose time is over.
    pub async fn sign_out(&self, secret: &str) -> Result<(), StoreError> {
        let (token_hash, now) = (digest(secret), self.clock.now() / 1000);
        let ended = self.store.write(move |transaction| {
            transaction.execute("DELETE FROM user_session WHERE token_hash = ?1 OR ends_at <= ?2", (token_hash, now))
        });
        ended.await.map(|_| ())
    }

    /// Makes a reader a contributor who signs articles with this name.
    pub async fn make_contributor(&self, user_code: &str, full_name: &str) -> Result<(), Refused> {
        let full_name = checked_name(full_name)?;
        let user_code = user_code.to_owned();
        let made = self.store.write(move |transaction| {
            transaction
                .execute("UPDATE site_user SET role = 'C', full_name = ?2 WHERE user_code = ?1", (user_code, full_name))
        });
        Ok(made.await.map(|_| ())?)
    }

    async fn begin_session(&self, user_code: String) -> Result<String, Refused> {
        let secret = secret(32)?;
        let (token_hash, ends_at) = (digest(&secret), self.clock.now() / 1000 + SESSION_SECONDS);
        let begun = self.store.write(move |transaction| {
            let sql = "INSERT INTO user_session (token_hash, user_code, ends_at) VALUES (?1, ?2, ?3)";
            transaction.execute(sql, (token_hash, user_code, ends_at))
        });
        begun.await?;
        Ok(secret)
    }

    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
        let _permit = self.may_hash.acquire().await.map_err(|_| StoreError::Ended)?;
        spawn_blocking(work).await.map_err(|_| StoreError::Ended)
    }
}

/// The hash of no password that anybody has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn checked_email(email: &str) -> Result<String, Refused> {
    let email = email.trim().to_lowercase();
    let parts =
        email.split_once('@').filter(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'));
    if parts.is_some() && email.len() <= 254 && !email.contains(|c: char| c.is_control() || c.is_whitespace()) {
        Ok(email)
    } else {
        Err(Refused::Field("The e-mail address must look like name@example.org."))
    }
}

fn checked_name(name: &str) -> Result<String, Refused> {
    let name = name.trim();
    if (1..=100).contains(&name.chars().count()) && !name.contains(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(Refused::Field("The name must have 1 to 100 characters."))
    }
}

/// Text that nobody can guess, of so many random bytes.
pub fn secret(bytes: usize) -> Result<String, Refused> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| Refused::Failed(error.to_string().into()))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// What is kept of a secret, and what secrets are compared by.
pub fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_s_hash_is_one_that_can_be_checked() {
        let hash = PasswordHash::new(NOBODY).unwrap();
        assert!(Argon2::default().verify_password(b"", &hash).is_err());
        assert!(hash.hash.is_some());
    }

    #[test]
    fn addresses_and_names_are_checked() {
        assert_eq!(checked_email(" Ada@Example.org ").unwrap(), "ada@example.org");
        for wrong in ["", "ada", "@example.org", "ada@example", "a da@example.org", "a@b@c.d", "a\0@b.c"] {
            assert!(checked_email(wrong).is_err(), "{wrong:?}");
        }
        assert!(checked_name(" ").is_err() && checked_name("A\nB").is_err() && checked_name(&"x".repeat(101)).is_err());
    }
}
