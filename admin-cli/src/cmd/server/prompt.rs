//! Asking for a credential at a terminal, with what the API knows of the service (S4-15 to S4-17). Where
//! nobody can be asked, the same goes into the error.

use proto::admin::v1::{CredentialHint, GetCredentialHintRequest, GetServerRequest};
use secrecy::SecretString;

use super::{args::ServerArgs, credential::NO_VALUE};
use crate::{connect::Session, failure::Failure, input, output::Printer};

/// Asks whoever sits before the terminal for the server's credential.
pub(super) async fn credential(
    server: &ServerArgs,
    session: &Session,
    printer: &Printer,
) -> Result<SecretString, Failure> {
    if !input::is_terminal() {
        // The mistake is on the command line; that the hint cannot be had is none of its causes.
        let hint = hint(server, session).await.unwrap_or_default();
        return Err(Failure::Usage(missing(&hint)));
    }
    let hint = hint(server, session).await?;
    for line in lines(&hint) {
        printer.note(&line);
    }
    input::asked(&question(&hint), NO_VALUE)
}

async fn hint(server: &ServerArgs, session: &Session) -> Result<CredentialHint, Failure> {
    let request = GetServerRequest {
        name: server.name(),
    };
    let answer = session.servers().get_server(request).await?.into_inner();
    let request = GetCredentialHintRequest {
        url: answer.server.unwrap_or_default().url,
    };
    // A prompt without a hint is better than none.
    let answer = session.hints().get_credential_hint(request).await;
    Ok(answer
        .ok()
        .and_then(|answer| answer.into_inner().hint)
        .unwrap_or_default())
}

fn question(hint: &CredentialHint) -> String {
    let name = named(hint);
    format!("{name} (it is not shown): ")
}

/// What people read before they are asked.
fn lines(hint: &CredentialHint) -> Vec<String> {
    let facts = [
        ("service", &hint.service),
        ("where", &hint.location),
        ("link", &hint.url),
        ("note", &hint.note),
    ];
    let told = facts.into_iter().filter(|(_, text)| !text.is_empty());
    told.map(|(name, text)| format!("{name}: {text}")).collect()
}

fn missing(hint: &CredentialHint) -> String {
    let mut text = NO_VALUE.to_owned();
    if !hint.credential.is_empty() {
        text = format!("{text}\nwanted: {}", named(hint));
    }
    for line in lines(hint) {
        text = format!("{text}\n{line}");
    }
    text
}

fn named(hint: &CredentialHint) -> String {
    let credential = match hint.credential.as_str() {
        "" => "Credential",
        credential => credential,
    };
    match hint.service.as_str() {
        "" => credential.to_owned(),
        service => format!("{service} {credential}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S4-15, S4-16.
    #[test]
    fn a_known_service_is_named_with_the_place_and_the_link() {
        let hint = CredentialHint {
            service: "GitHub".into(),
            credential: "Personal Access Token".into(),
            location: "Settings → Developer settings → Personal access tokens".into(),
            url: "https://github.com/settings/tokens".into(),
            note: String::new(),
        };
        insta::assert_snapshot!(lines(&hint).join("\n"), @r"
        service: GitHub
        where: Settings → Developer settings → Personal access tokens
        link: https://github.com/settings/tokens
        ");
        assert_eq!(
            question(&hint),
            "GitHub Personal Access Token (it is not shown): "
        );
        insta::assert_snapshot!(missing(&hint), @r"
        --auth-credential-file: name the file that holds the credential, or - for stdin
        wanted: GitHub Personal Access Token
        service: GitHub
        where: Settings → Developer settings → Personal access tokens
        link: https://github.com/settings/tokens
        ");
    }

    /// S4-17.
    #[test]
    fn an_unknown_service_is_asked_for_plainly() {
        let hint = CredentialHint::default();
        assert!(lines(&hint).is_empty());
        assert_eq!(question(&hint), "Credential (it is not shown): ");
        assert_eq!(missing(&hint), NO_VALUE);
    }
}
