//! Passwords: Argon2id, a bounded number of hashings at once, and guesses that cost more and more
//! time. Who asks learns nothing but whether both login and password are right: neither the answer nor
//! the time it takes tells whether there is such a user.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use proto::id::UserUid;
use tokio::{sync::Semaphore, time::timeout};
use zeroize::Zeroizing;

use super::{
    attempts::{self, Pace},
    rules::Rules,
};
use crate::{
    auth::{Desk, Visit},
    error::Error,
    store::{OneTenant, StoreError, Tx, user::Account},
};

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// There is no such user, or this is not their password.
    #[error("wrong login or password")]
    Wrong,
    /// Too many guesses; the next one is due in so many seconds.
    #[error("too many attempts")]
    Slow(u64),
    /// Too many sign in at once.
    #[error("too many hashings at once")]
    Busy,
    /// The database.
    #[error("not available at the moment")]
    Inside(#[source] Error),
}

/// Too many hashings at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many hashings at once")]
pub(crate) struct Busy;

/// Hashes passwords, a bounded number at once: each takes a core for tens of milliseconds and 19 MiB.
/// Cloning is cheap.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphores>);

struct Semaphores {
    /// Who is being served.
    running: Semaphore,
    /// Who is served or waits for it.
    waiting: Semaphore,
}

impl Passwords {
    /// One core is left to everything else.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let running = cores.saturating_sub(1).max(1);
        Self(Arc::new(Semaphores {
            running: Semaphore::new(running),
            waiting: Semaphore::new(running * WAITING),
        }))
    }

    /// The hash that is stored, in the PHC string format.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String, Busy> {
        self.run(move || {
            let hash = hasher().hash_password(password.as_bytes());
            let hash = hash.expect("these parameters suit every password");
            hash.to_string()
        })
        .await
    }

    /// Whether this is the password; without a hash it takes as long and is not.
    async fn check(
        &self,
        password: Zeroizing<String>,
        stored: Option<String>,
    ) -> Result<Checked, Busy> {
        self.run(move || {
            let stored = stored.as_deref().map(PasswordHash::new);
            let Some(Ok(stored)) = stored else {
                let mut wasted = Zeroizing::new([0; 32]);
                // What comes out is of no interest.
                let _ = hasher().hash_password_into(password.as_bytes(), NO_SALT, &mut *wasted);
                return Checked::Wrong;
            };
            let right = hasher().verify_password(password.as_bytes(), &stored);
            if right.is_err() {
                return Checked::Wrong;
            }
            let current = stored.algorithm.as_str() == Algorithm::Argon2id.as_str()
                && Params::try_from(&stored).is_ok_and(|params| same_cost(&params));
            if current {
                return Checked::Right;
            }
            rehash(&password, &stored).map_or(Checked::Right, Checked::Outdated)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _place = self.0.waiting.try_acquire().map_err(|_| Busy)?;
        let shared = Arc::clone(&self.0);
        let permit = timeout(PATIENCE, self.0.running.acquire()).await;
        let permit = permit.ok().and_then(Result::ok).ok_or(Busy)?;
        // The work goes on when nobody waits for it any more, and so must its place.
        permit.forget();
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            shared.running.add_permits(1);
            done
        });
        work.await.map_err(|_| Busy)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

/// What came of a password.
enum Checked {
    Wrong,
    Right,
    /// It is right and was hashed with other parameters; with ours it is this.
    Outdated(String),
}

/// A login and a password that belonged together when that was looked at, which took a while. Only
/// [`verify`] makes one.
pub(crate) struct Proven {
    guess: Guess,
    user: UserUid,
    /// What the password was compared with.
    stored: String,
    /// What is stored instead from now on.
    fresh: Option<String>,
}

/// Whether login and password belong together. It signs nobody in: [`Proven::user`] is for the
/// transaction that does.
pub(crate) async fn verify(
    desk: &Desk,
    visit: &Visit,
    login: &str,
    password: &str,
) -> Result<Proven, Refused> {
    let network = attempts::network(visit.peer.ip());
    let mut guess = Guess {
        login: login.trim().to_lowercase(),
        network,
        familiar: false,
    };
    let account = begin(desk, visit, &mut guess).await?;
    let account = account.filter(|account| !account.disabled);
    let stored = account
        .as_ref()
        .and_then(|account| account.password.clone());
    // What is longer than any password is wrong, and costs what any other costs.
    let password: String = password.chars().take(LONGEST + 1).collect();
    let checked = desk
        .passwords
        .check(Zeroizing::new(password), stored.clone())
        .await
        .map_err(|Busy| Refused::Busy)?;
    let fresh = match checked {
        Checked::Wrong => return Err(wrong()),
        Checked::Right => None,
        Checked::Outdated(fresh) => Some(fresh),
    };
    let (Some(account), Some(stored)) = (account, stored) else {
        return Err(wrong());
    };
    Ok(Proven {
        guess,
        user: account.user,
        stored,
        fresh,
    })
}

impl Proven {
    /// Whose login and password it is, still: an operator who changed the password or disabled the user
    /// meanwhile has ended the user's sessions, and no other begins with what was right before. Whoever
    /// comes to change it later waits until this transaction ends, and finds the session that it began.
    pub(crate) async fn user(self, tx: &mut Tx<OneTenant>) -> Result<UserUid, Refused> {
        // Nobody waits for the user meanwhile; and where it was wrong, none of this is committed.
        self.guess.was_right(tx).await?;
        let now = tx.lock_password(self.user).await?.ok_or_else(wrong)?;
        if now == self.stored {
            if let Some(fresh) = &self.fresh {
                tx.put_password(self.user, Some(fresh)).await?;
            }
        } else if self.fresh != Some(now) {
            // What is not even what another sign-in at the same time has made of it.
            return Err(wrong());
        }
        metrics::counter!("aldgate_password_logins_total", "result" => "right").increment(1);
        Ok(self.user)
    }
}

fn wrong() -> Refused {
    metrics::counter!("aldgate_password_logins_total", "result" => "wrong").increment(1);
    Refused::Wrong
}

/// Counts the guess, and finds whose password it is about.
async fn begin(desk: &Desk, visit: &Visit, guess: &mut Guess) -> Result<Option<Account>, Refused> {
    let mut tx = enter(desk, visit).await?;
    if !Rules::of(tx.oauth_settings()?).passwords {
        return Err(Refused::Wrong);
    }
    let pause = guess.count(&mut tx).await?;
    let account = tx.account(&guess.login).await?;
    tx.commit_unrecorded().await?;
    if let Some(seconds) = pause {
        metrics::counter!("aldgate_password_logins_total", "result" => "slow").increment(1);
        tracing::info!(peer = %visit.peer, seconds, "too many guesses of a password");
        return Err(Refused::Slow(seconds));
    }
    Ok(account)
}

async fn enter(desk: &Desk, visit: &Visit) -> Result<Tx<OneTenant>, Refused> {
    let tx = desk.enter(visit, "users.signIn").await?;
    tx.ok_or(Refused::Wrong)
}

/// Who guesses whose password.
struct Guess {
    login: String,
    network: String,
    /// Whether the account's owner has signed in from this network before.
    familiar: bool,
}

impl Guess {
    /// `Some` is how long it must wait. Guesses from one network at one account soon cost minutes, so
    /// that only who guesses is kept out. Those at one account from everywhere, and those from one
    /// network at everything, cost little, and nothing from where the account's owner has signed in.
    async fn count(&mut self, tx: &mut Tx<OneTenant>) -> Result<Option<u64>, StoreError> {
        let pause = attempts::count(tx, &self.pair(), PAIR).await?;
        if pause.is_some() {
            return Ok(pause);
        }
        self.familiar = attempts::is_remembered(tx, &self.owner()).await?;
        if self.familiar {
            return Ok(None);
        }
        let pause = attempts::count(tx, &self.everything(), NETWORK).await?;
        if pause.is_some() {
            return Ok(pause);
        }
        attempts::count(tx, &self.account(), ACCOUNT).await
    }

    async fn was_right(&self, tx: &mut Tx<OneTenant>) -> Result<(), StoreError> {
        attempts::forget(tx, &self.pair()).await?;
        // What was not counted takes nothing back.
        if !self.familiar {
            attempts::forgive(tx, &self.everything()).await?;
            attempts::forgive(tx, &self.account()).await?;
        }
        attempts::remember(tx, &self.owner()).await
    }

    fn pair(&self) -> [&str; 3] {
        ["password", &self.login, &self.network]
    }

    fn everything(&self) -> [&str; 2] {
        ["password network", &self.network]
    }

    fn account(&self) -> [&str; 2] {
        ["password account", &self.login]
    }

    fn owner(&self) -> [&str; 3] {
        ["password owner", &self.login, &self.network]
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Inside(error.into())
    }
}

/// What is wrong with a password that somebody chose.
pub(crate) fn unfit(password: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Some("must have 12 to 256 characters");
    }
    if password.chars().any(char::is_control) {
        return Some("must not contain control characters");
    }
    None
}

/// A random password: 24 letters and digits without those that look alike, 137 bits.
pub(crate) fn generate() -> Zeroizing<String> {
    token::random_text(LETTERS, GENERATED)
}

/// The hash with our parameters and the salt that it has: whoever signs in twice at once comes to the same.
fn rehash(password: &str, stored: &PasswordHash) -> Option<String> {
    let salt = stored.salt.as_ref()?;
    let hash = hasher().hash_password_with_salt(password.as_bytes(), salt);
    hash.ok().map(|hash| hash.to_string())
}

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost())
}

fn cost() -> Params {
    Params::new(MEMORY, PASSES, 1, None).expect("these parameters are allowed")
}

fn same_cost(params: &Params) -> bool {
    let own = cost();
    (params.m_cost(), params.t_cost(), params.p_cost())
        == (own.m_cost(), own.t_cost(), own.p_cost())
}

/// KiB; this and the passes are what OWASP asks for at least.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const NO_SALT: &[u8] = b"nobody's password";
const SHORTEST: usize = 12;
const LONGEST: usize = 256;
const GENERATED: usize = 24;
const LETTERS: &[u8; 54] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ234567";
/// How long anybody waits for their turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// So many for each that is served.
const WAITING: usize = 32;
const PAIR: Pace = Pace {
    free: 5,
    first: 2,
    most: 900,
};
const NETWORK: Pace = Pace {
    free: 50,
    first: 1,
    most: 60,
};
const ACCOUNT: Pace = Pace {
    free: 50,
    first: 1,
    most: 30,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let passwords = Passwords::new();
        let hash = passwords.hash(text("correct horse battery")).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let check = async |given: &str, hash: Option<String>| {
            passwords.check(text(given), hash).await.unwrap()
        };
        let right = check("correct horse battery", Some(hash.clone())).await;
        assert!(matches!(right, Checked::Right));
        for (text, hash) in [
            ("correct horse batterz", Some(hash.clone())),
            ("", Some(hash)),
            ("correct horse battery", None),
            ("correct horse battery", Some("damaged".to_owned())),
        ] {
            assert!(matches!(check(text, hash).await, Checked::Wrong), "{text}");
        }
    }

    #[tokio::test]
    async fn what_was_hashed_with_less_is_hashed_again() {
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8, 1, 1, None).unwrap(),
        );
        let weak = weak.hash_password(b"correct horse battery").unwrap();
        let passwords = Passwords::new();
        let check = async |hash: &str| {
            let checked = passwords.check(text("correct horse battery"), Some(hash.to_owned()));
            checked.await.unwrap()
        };
        let mut hashes = Vec::new();
        for _ in 0..2 {
            match check(&weak.to_string()).await {
                Checked::Outdated(fresh) => hashes.push(fresh),
                Checked::Right | Checked::Wrong => panic!("it is outdated"),
            }
        }
        assert!(hashes[0].contains("m=19456,t=2,p=1"), "{hashes:?}");
        assert_eq!(hashes[0], hashes[1], "whoever signs in twice at once");
        assert!(matches!(check(&hashes[0]).await, Checked::Right));
    }

    /// A40: who waits is bounded, and what runs is, even when nobody waits for it any more.
    #[tokio::test]
    async fn more_than_there_is_room_for_are_busy() {
        let passwords = Passwords(Arc::new(Semaphores {
            running: Semaphore::new(1),
            waiting: Semaphore::new(2),
        }));
        let (first, second, third) = tokio::join!(
            passwords.hash(text("one")),
            passwords.hash(text("two")),
            passwords.hash(text("three")),
        );
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(third, Err(Busy));
        assert_eq!(passwords.0.running.available_permits(), 1);
        assert_eq!(passwords.0.waiting.available_permits(), 2);
    }

    #[test]
    fn generated_passwords_are_fit_and_differ() {
        let (one, two) = (generate(), generate());
        assert_eq!(one.chars().count(), GENERATED);
        assert_ne!(*one, *two);
        assert_eq!(unfit(&one), None);
        assert!(unfit("elevenchars").is_some() && unfit(&"x".repeat(257)).is_some());
        assert!(unfit("twelve\ncharacters").is_some());
        assert_eq!(unfit("twelve chars"), None);
    }

    fn text(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }
}
