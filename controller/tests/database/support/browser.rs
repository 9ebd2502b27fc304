//! A browser that has begun to sign in: its cookie, and the form of a page that we gave it.

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::{
    Stack,
    gateway::{self, Answer},
};

/// One browser at tenant `acme`.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) transaction: Uuid,
    pub(crate) csrf: String,
    /// Where it is.
    pub(crate) peer: String,
}

impl Browser {
    /// One that has begun to sign in, for its connections.
    pub(crate) async fn begin(stack: &Stack) -> Self {
        let mut secret = [0; 32];
        rand::fill(&mut secret).unwrap();
        let (cookie, transaction) = (URL_SAFE_NO_PAD.encode(secret), Uuid::new_v4());
        let mut sql = stack.postgres.connect("root", "aldgate").await;
        sqlx::query(
            "INSERT INTO login_transactions
                 (tenant_id, transaction_id, browser_sha256, network, request, expires_at)
             SELECT tenant_id, $1, sha256($2::bytea), 'x', '\"connections\"',
                    now() + interval '10 min'
             FROM tenants WHERE slug = 'acme'",
        )
        .bind(transaction)
        .bind(cookie.as_bytes())
        .execute(&mut sql)
        .await
        .unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, cookie.as_bytes());
        let csrf = hmac::sign(&key, format!("csrf {transaction}").as_bytes());
        Self {
            cookie: format!("aldgate_browser={cookie}"),
            transaction,
            csrf: URL_SAFE_NO_PAD.encode(csrf),
            peer: "192.0.2.7".to_owned(),
        }
    }

    /// One that has not.
    pub(crate) fn none() -> Self {
        Self {
            cookie: String::new(),
            transaction: Uuid::nil(),
            csrf: String::new(),
            peer: "192.0.2.7".to_owned(),
        }
    }

    /// A page of ours without what differs from browser to browser.
    pub(crate) fn without_secrets(&self, page: &str) -> String {
        let page = page.replace(&self.transaction.to_string(), "t");
        page.replace(&self.csrf, "csrf")
    }

    /// Asks for a page or sends a form; `asked` is method and path.
    pub(crate) async fn ask(&self, stack: &Stack, asked: &str, body: &str) -> Answer {
        let node = stack.sign("spiffe://aldgate/pool/default/node/gw-1");
        let peer = format!("{}:4711", self.peer);
        let lines = [
            ("aldgate-origin", "http://acme.test:8080"),
            ("aldgate-peer", peer.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", self.cookie.as_str()),
        ];
        let answer = gateway::exchange(stack, Some(&node), asked, &lines, body);
        answer.await.unwrap()
    }
}
