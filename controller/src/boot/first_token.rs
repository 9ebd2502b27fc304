//! The first admin token: taken from a file while the installation has none, and stored hashed.

use std::path::Path;

use proto::id::TokenUid;
use token::AdminToken;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::BootError;
use crate::store::{
    Author, Reach, Store, StoreError,
    audit::Entry,
    token::{Role, Token},
};

/// Stores the token in the file, unless there are tokens already.
pub(super) async fn ensure(store: &Store, file: Option<&Path>) -> Result<(), BootError> {
    let mut tx = store.platform(Author::boot("tokens.bootstrap")).await?;
    if tx.has_tokens().await? {
        return Ok(());
    }
    let Some(file) = file else {
        tracing::warn!(
            "there is no admin token; set ALDGATE_BOOTSTRAP_TOKEN_FILE to make the first"
        );
        return Ok(());
    };
    let text = Zeroizing::new(
        tokio::fs::read_to_string(file)
            .await
            .map_err(BootError::TokenFile)?,
    );
    let secret = AdminToken::parse(text.trim_ascii_end()).map_err(BootError::Token)?;
    let token = Token {
        uid: TokenUid::from_uuid(Uuid::now_v7()),
        display_name: "bootstrap".to_owned(),
        tenant: None,
        reach: Reach::Platform,
        role: Role::Admin,
        created_at: tx.time(),
    };
    let entry = Entry {
        resource: format!("tokens/{}", token.uid),
        before: None,
        after: None,
    };
    match tx.insert_token(&token, &secret.sha256()).await {
        Ok(()) => {
            tx.commit_recorded_of(None, &entry).await?;
            Ok(())
        }
        // Another controller booted at the same time and was first.
        Err(StoreError::Duplicate { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
