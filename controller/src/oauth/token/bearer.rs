//! Who acts with an access token, and for what it is.

use proto::id::{GrantUid, UserUid};
use time::OffsetDateTime;

use super::{
    super::{call::Call, resource, rules::Rules, scope},
    Code, Fault, invalid_grant,
};
use crate::store::{
    OneTenant, Tx,
    grant::Grant,
    user::{AdminRole, UserRights},
};

/// Who acts with an access token, and for what it is.
pub(super) struct Bearer {
    pub(super) subject: String,
    pub(super) username: String,
    pub(super) roles: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) grant: Option<GrantUid>,
    /// No token outlives this.
    pub(super) until: Option<OffsetDateTime>,
}

/// What a grant gives, as far as it is asked for.
pub(super) struct Share {
    pub(super) grant: GrantUid,
    pub(super) user: UserUid,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) until: OffsetDateTime,
}

impl Bearer {
    /// Whoever has this grant, with the rights that its user, who is held, has now. A user who may not
    /// come in gets nothing.
    pub(super) async fn find(
        tx: &mut Tx<OneTenant>,
        call: &Call,
        grant: &Grant,
        scopes: Vec<String>,
        resources: Vec<String>,
    ) -> Result<Self, Fault> {
        let rights = tx.user_roles(grant.user).await?;
        let share = Share {
            grant: grant.uid,
            user: grant.user,
            scopes,
            resources,
            until: grant.expires_at,
        };
        let rights = rights.ok_or_else(invalid_grant)?;
        Self::of(&call.rules, call.client.is_ours(), rights, share)
    }

    /// The same, with rights that are known. `ours` is the command line of this product.
    pub(super) fn of(
        rules: &Rules,
        ours: bool,
        rights: UserRights,
        share: Share,
    ) -> Result<Self, Fault> {
        if rights.disabled {
            return Err(invalid_grant());
        }
        let share = without_admin(ours, &rights, share)?;
        Ok(Self {
            subject: share.user.to_string(),
            roles: rules.roles_with(&rights.roles, &share.scopes),
            username: rights.login,
            groups: rights.groups,
            scopes: share.scopes,
            resources: share.resources,
            grant: Some(share.grant),
            until: Some(share.until),
        })
    }
}

/// The admin API is for our own client, and for users who have a part in it; nobody else's tokens say
/// anything of it, whatever was granted once.
fn without_admin(ours: bool, rights: &UserRights, mut share: Share) -> Result<Share, Fault> {
    if ours && rights.admin_role != AdminRole::None {
        return Ok(share);
    }
    share.scopes.retain(|scope| scope != scope::ADMIN);
    share
        .resources
        .retain(|resource| resource != resource::ADMIN);
    if share.scopes.is_empty() || share.resources.is_empty() {
        let text = "This user has no part in the admin API";
        return Err(Fault::new(Code::InvalidScope, text));
    }
    Ok(share)
}
