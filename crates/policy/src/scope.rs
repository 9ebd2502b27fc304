//! Limits on what a credential is good for, whatever a policy says: `files:read`, `*:write`. They
//! only ever take away; what remains is still for the policy to decide.

use proto::name::Slug;

use crate::{Class, Fault, Object};

/// The most scopes that a credential may have.
const MOST: usize = 256;

/// The scopes of a credential.
///
/// A credential without scopes is not limited by them, so no text at all means everything. What is
/// left of two limited credentials can be nothing, which is not the same: see [`Self::intersect`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes {
    /// `None`: not limited. Sorted, one for each server.
    limits: Option<Box<[Scope]>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    /// `None` is `*`, any server.
    server: Option<Box<str>>,
    read: bool,
    write: bool,
}

/// What a request needs of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// `{server}:read`.
    Read,
    /// `{server}:write`.
    Write,
}

impl Scopes {
    /// Reads `{server}:{access}`: a server's slug or `*`; `read`, `write` or `*`. The fault's field
    /// is `scopes[3]`.
    pub fn parse(texts: &[impl AsRef<str>]) -> Result<Self, Fault> {
        if texts.is_empty() {
            return Ok(Self { limits: None });
        }
        if texts.len() > MOST {
            return Err(Fault {
                field: "scopes".into(),
                problem: format!("must be at most {MOST}"),
            });
        }
        let parse = |(index, text): (usize, &_)| {
            Scope::parse(AsRef::as_ref(text)).ok_or_else(|| Fault {
                field: format!("scopes[{index}]"),
                problem: "must be `{server}:{access}`: a server's name or `*`, and `read`, `write` or `*`"
                    .into(),
            })
        };
        let scopes = texts
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<_, _>>()?;
        Ok(Self::limited(scopes))
    }

    /// What allows nothing at all.
    pub fn nothing() -> Self {
        Self::limited(Vec::new())
    }

    /// What allows to read, everywhere: `*:read`.
    pub fn reading() -> Self {
        Self::limited(vec![Scope {
            server: None,
            read: true,
            write: false,
        }])
    }

    /// Whether the credential has no scopes, and so is not limited by them.
    pub fn is_empty(&self) -> bool {
        self.limits.is_none()
    }

    /// Whether they allow this at a server; always so without scopes.
    pub fn allows(&self, server: &str, need: Need) -> bool {
        self.any(|scope| scope.is_of(server) && scope.has(need))
    }

    /// Whether they allow anything at a server: enough for what every caller of it may do, such as
    /// listing; always so without scopes.
    pub fn mentions(&self, server: &str) -> bool {
        self.any(|scope| scope.is_of(server))
    }

    /// Whether they allow nothing that the others do not.
    pub fn within(&self, other: &Self) -> bool {
        let Some(limits) = &self.limits else {
            return other.is_empty();
        };
        let needs = [Need::Read, Need::Write];
        let covered = |scope: &Scope, need| {
            other.any(|outer| {
                (outer.server.is_none() || outer.server == scope.server) && outer.has(need)
            })
        };
        limits.iter().all(|scope| {
            needs
                .into_iter()
                .all(|need| !scope.has(need) || covered(scope, need))
        })
    }

    /// What both allow. Where they have nothing in common the result allows nothing, and
    /// [`Self::is_empty`] is still false.
    pub fn intersect(&self, other: &Self) -> Self {
        match (&self.limits, &other.limits) {
            (None, _) => other.clone(),
            (_, None) => self.clone(),
            (Some(ours), Some(theirs)) => {
                let both = |one: &Scope| {
                    theirs
                        .iter()
                        .filter_map(|two| one.intersect(two))
                        .collect::<Vec<_>>()
                };
                Self::limited(ours.iter().flat_map(both).collect())
            }
        }
    }

    fn limited(mut scopes: Vec<Scope>) -> Self {
        scopes.sort_unstable_by(|one, two| one.server.cmp(&two.server));
        scopes.dedup_by(|next, kept| {
            let same = next.server == kept.server;
            if same {
                kept.read |= next.read;
                kept.write |= next.write;
            }
            same
        });
        Self {
            limits: Some(scopes.into()),
        }
    }

    fn any(&self, is: impl Fn(&Scope) -> bool) -> bool {
        self.limits
            .as_ref()
            .is_none_or(|scopes| scopes.iter().any(is))
    }
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        let (server, access) = text.split_once(':')?;
        let server = match server {
            "*" => None,
            slug => {
                slug.parse::<Slug>().ok()?;
                Some(slug.into())
            }
        };
        let (read, write) = match access {
            "read" => (true, false),
            "write" => (false, true),
            "*" => (true, true),
            _ => return None,
        };
        Some(Self {
            server,
            read,
            write,
        })
    }

    fn is_of(&self, server: &str) -> bool {
        self.server.as_deref().is_none_or(|own| own == server)
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::Read => self.read,
            Need::Write => self.write,
        }
    }

    fn intersect(&self, other: &Self) -> Option<Self> {
        let server = match (&self.server, &other.server) {
            (None, any) | (any, None) => any.clone(),
            (Some(one), Some(two)) if one == two => Some(one.clone()),
            (Some(_), Some(_)) => return None,
        };
        let (read, write) = (self.read && other.read, self.write && other.write);
        (read || write).then_some(Self {
            server,
            read,
            write,
        })
    }
}

impl Need {
    /// What something needs. `read` covers tools that only read, resources and prompts; `write`
    /// covers all other tools and, since nobody knows what they do, unknown methods. What every
    /// caller of a server may do needs neither, only [`Scopes::mentions`].
    pub fn of(object: &Object<'_>) -> Self {
        match object {
            Object::Tool {
                class: Class::Read, ..
            }
            | Object::Resource(_)
            | Object::Prompt(_) => Self::Read,
            Object::Tool {
                class: Class::Write | Class::Ambiguous,
                ..
            }
            | Object::Method(_) => Self::Write,
        }
    }

    /// The scope that would suffice, `files:write`: what a refusal names (TK-13).
    pub fn scope(self, server: &str) -> String {
        match self {
            Self::Read => format!("{server}:read"),
            Self::Write => format!("{server}:write"),
        }
    }
}

#[cfg(test)]
mod tests;
