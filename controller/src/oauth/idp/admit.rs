//! Who somebody at a provider is here. They are linked by issuer and subject; nobody who is here
//! already is found by name or address (A33). What their groups give is set anew at every sign-in.

use proto::{id::UserUid, name::Slug};
use uuid::Uuid;

use super::{
    mishap::{Mishap, Outside},
    person::{Person, roles},
};
use crate::{
    admin,
    oauth::{guest::Guest, rights},
    store::{
        OneTenant, StoreError, Tx,
        identity::Identity,
        identity_provider::IdentityProvider,
        user::{AdminRole, User, UserRights},
    },
};

/// Somebody whom a provider vouches for.
pub(super) struct Arrival {
    pub(super) person: Person,
    pub(super) provider: IdentityProvider,
}

impl Arrival {
    /// Who they are here, without what their groups give.
    fn identity(&self, user: UserUid) -> Identity {
        Identity {
            provider: self.provider.uid,
            issuer: self.provider.issuer.clone(),
            subject: self.person.subject.clone(),
            user,
            roles: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// Makes whoever is new a user, if the provider's users become that. This is a change of its own, with
/// a record of its own.
pub(super) async fn welcome(guest: &Guest, arrival: &Arrival) -> Result<(), Mishap> {
    if !arrival.person.is_within(&arrival.provider.email_domains) {
        return Err(Outside::Domain.into());
    }
    let mut tx = guest.enter("users.create").await?;
    if find(&mut tx, arrival).await?.is_some() {
        return Ok(());
    }
    if !arrival.provider.create_users {
        return Err(Outside::Unknown.into());
    }
    let login = arrival.person.login(&arrival.provider.login_claim);
    let login = login.filter(|login| rights::unfit_login(login).is_none());
    let login = login.ok_or(Outside::Login)?;
    match create(tx, arrival, login).await {
        Err(StoreError::Duplicate { .. }) => {
            // The same person may have arrived twice at once.
            let mut tx = guest.enter("users.create").await?;
            find(&mut tx, arrival).await?.ok_or(Outside::Taken)?;
            Ok(())
        }
        created => Ok(created?),
    }
}

/// Sets what their groups give, and says who they are here.
pub(super) async fn refresh(tx: &mut Tx<OneTenant>, arrival: &Arrival) -> Result<UserUid, Mishap> {
    // As it is set now, and not when they left for it: what was taken from a group meanwhile must not
    // come back with whoever is on the way.
    let provider = tx.share_identity_provider(arrival.provider.uid).await?;
    let provider = provider.filter(|provider| !provider.disabled);
    let provider = provider.ok_or(Mishap::NoProvider)?;
    let found = find(tx, arrival).await?;
    let user = found.ok_or(Outside::Unknown)?.user;
    // Alone: nobody makes tokens of what they were given before while that is taken from them.
    tx.lock_users(&[user]).await?;
    let found = find(tx, arrival).await?;
    found
        .filter(|found| found.user == user)
        .ok_or(Outside::Unknown)?;
    let rights_before = tx.user_roles(user).await?;
    let groups = arrival.person.groups(&provider.groups_claim);
    let identity = Identity {
        roles: roles(&groups, &provider.group_roles),
        groups,
        ..arrival.identity(user)
    };
    tx.update_identity(&identity).await?;
    let rights_after = tx.user_roles(user).await?;
    if let (Some(before), Some(after)) = (rights_before, rights_after)
        && lost_some(&before, &after)
    {
        rights::cut(tx, user);
    }
    Ok(user)
}

async fn find(tx: &mut Tx<OneTenant>, arrival: &Arrival) -> Result<Option<Identity>, StoreError> {
    tx.identity(&arrival.provider.issuer, &arrival.person.subject)
        .await
}

async fn create(mut tx: Tx<OneTenant>, arrival: &Arrival, login: String) -> Result<(), StoreError> {
    let user = User {
        uid: UserUid::from_uuid(Uuid::now_v7()),
        slug: free_slug(&mut tx, &login).await?,
        login,
        display_name: arrival.person.display_name(),
        roles: Vec::new(),
        groups: Vec::new(),
        admin_role: AdminRole::None,
        disabled: false,
        has_password: false,
        last_login_at: None,
        etag: 1,
        created_at: tx.time(),
        updated_at: tx.time(),
    };
    tx.insert_user(&user).await?;
    tx.insert_identity(&arrival.identity(user.uid)).await?;
    let tenant = tx.tenant().clone();
    let provider = &arrival.provider.slug;
    tx.act_as(format!("{}/identityProviders/{provider}", tenant.name()));
    let entry = admin::user_created(&tenant, &user);
    tx.commit_recorded(&entry).await?;
    tracing::info!(tenant.id = %tenant.uid, user = user.slug, provider, "a new user arrived");
    Ok(())
}

/// A name that people recognise; with a random end where the plain one is taken.
async fn free_slug(tx: &mut Tx<OneTenant>, login: &str) -> Result<String, StoreError> {
    let plain = slug(login);
    if tx.user(&plain).await?.is_none() {
        return Ok(plain.to_string());
    }
    let end = Uuid::new_v4().simple().to_string();
    Ok(format!("{plain}-{}", &end[..8]))
}

/// What of a login can stand in a name, at most 31 characters.
fn slug(login: &str) -> Slug {
    let mut text = String::new();
    for c in login.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
        if text.len() == 31 {
            break;
        }
    }
    let text = text.trim_end_matches('-');
    let text = if text.is_empty() { "user" } else { text };
    text.parse().expect("letters, digits and single hyphens")
}

fn lost_some(before: &UserRights, after: &UserRights) -> bool {
    let kept = |before: &[String], after: &[String]| before.iter().all(|one| after.contains(one));
    !kept(&before.roles, &after.roles) || !kept(&before.groups, &after.groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_a_login() {
        for (login, name) in [
            ("ada@acme.com", "ada-acme-com"),
            ("Ada.Lovelace", "ada-lovelace"),
            ("--a__b--", "a-b"),
            ("ädä", "d"),
            ("äöü", "user"),
            ("", "user"),
        ] {
            assert_eq!(slug(login).as_str(), name);
        }
        assert_eq!(slug(&"a".repeat(100)).as_str().len(), 31);
        assert_eq!(slug(&format!("{}@x", "a".repeat(30))).as_str().len(), 30);
    }

    #[test]
    fn rights_are_lost_when_one_is() {
        let rights = |roles: &[&str], groups: &[&str]| UserRights {
            login: String::new(),
            display_name: String::new(),
            roles: roles.iter().map(ToString::to_string).collect(),
            groups: groups.iter().map(ToString::to_string).collect(),
            admin_role: AdminRole::None,
            disabled: false,
        };
        let before = rights(&["dev", "ops"], &["a"]);
        assert!(!lost_some(&before, &before));
        assert!(!lost_some(
            &before,
            &rights(&["x", "ops", "dev"], &["a", "b"])
        ));
        assert!(lost_some(&before, &rights(&["dev"], &["a"])));
        assert!(lost_some(&before, &rights(&["dev", "ops"], &[])));
    }
}
