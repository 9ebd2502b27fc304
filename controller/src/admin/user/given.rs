//! What requests hold of a user, checked.

use proto::admin::v1;
use zeroize::Zeroizing;

use crate::{
    admin::{
        authenticator::check_roles,
        field::{Checks, DISPLAY_NAME},
        mask::Mask,
    },
    oauth::{password, rights},
    store::user::AdminRole,
};

/// Checks the fields that are stored as they are given, and reads the admin role.
pub(super) fn check(checks: &mut Checks, given: &v1::User, mask: &Mask) -> AdminRole {
    if mask.names("login") {
        check_login(checks, &given.login);
    }
    if mask.names("display_name") {
        checks.line("user.display_name", &given.display_name, DISPLAY_NAME);
    }
    if mask.names("roles") {
        check_roles(checks, "user.roles", &given.roles);
    }
    if mask.names("groups") {
        check_roles(checks, "user.groups", &given.groups);
    }
    match v1::AdminRole::try_from(given.admin_role) {
        Ok(v1::AdminRole::Unspecified) => AdminRole::None,
        Ok(v1::AdminRole::Viewer) => AdminRole::Viewer,
        Ok(v1::AdminRole::Admin) => AdminRole::Admin,
        Err(_) => {
            let text = "must be ADMIN_ROLE_UNSPECIFIED, ADMIN_ROLE_VIEWER or ADMIN_ROLE_ADMIN";
            checks.refuse("user.admin_role", text);
            AdminRole::None
        }
    }
}

fn check_login(checks: &mut Checks, login: &str) {
    if let Some(text) = rights::unfit_login(login) {
        checks.refuse("user.login", text);
    }
}

/// A new password, and whether it is ours to show.
pub(super) struct Password {
    text: Zeroizing<String>,
    generated: bool,
}

impl Password {
    /// Reads one that is given or to be made.
    pub(super) fn read(checks: &mut Checks, input: v1::PasswordInput) -> Self {
        let v1::PasswordInput { password, generate } = input;
        let given = Zeroizing::new(password);
        if generate {
            if !given.is_empty() {
                checks.refuse(
                    "password",
                    "needs one of `password` and `generate`, not both",
                );
            }
            return Self {
                text: password::generate(),
                generated: true,
            };
        }
        if let Some(text) = password::unfit(&given) {
            checks.refuse("password.password", text);
        }
        Self {
            text: given,
            generated: false,
        }
    }

    pub(super) fn text(&self) -> &Zeroizing<String> {
        &self.text
    }

    /// What the answer shows: the password, if nobody knows it yet.
    pub(super) fn shown(self) -> String {
        if self.generated {
            self.text.to_string()
        } else {
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_given_or_made() {
        let made = read("", true).unwrap();
        assert!(made.shown().len() >= 20);
        let given = read("correct horse battery", false).unwrap();
        assert_eq!(given.text().as_str(), "correct horse battery");
        assert_eq!(given.shown(), "");
        for (password, generate, field) in [
            ("correct horse battery", true, "password"),
            ("", false, "password.password"),
            ("short", false, "password.password"),
        ] {
            assert_eq!(read(password, generate).err().unwrap(), field);
        }
    }

    fn read(password: &str, generate: bool) -> Result<Password, String> {
        let mut checks = Checks::new();
        let password = password.to_owned();
        let read = Password::read(&mut checks, v1::PasswordInput { password, generate });
        match checks.found() {
            [] => Ok(read),
            [first, ..] => Err(first.field.clone()),
        }
    }
}
