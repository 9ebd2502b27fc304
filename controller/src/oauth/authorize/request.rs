//! What an authorization request must look like once its client and its address are known. What is not
//! named here is ignored (RFC 6749 §3.1).

use crate::oauth::{
    client::{AUTHORIZATION_CODE, Client},
    fault::Code,
    issuer::Issuer,
    login::{Asked, Prompt},
    params::Params,
    redirect::Redirect,
    rules::Rules,
    wish::{Refusal, Wish},
};

/// A request that is in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) asked: Asked,
    /// Nobody may be shown a page: it works without, or not at all.
    pub(super) silent: bool,
}

/// The state as it is given back (AUTHZ-4).
pub(super) fn state(params: &Params) -> Result<Option<&str>, Refusal> {
    let state = params.get("state");
    if state.is_some_and(|state| state.len() > LONGEST_STATE) {
        return Err((Code::InvalidRequest, "The state is longer than 8192 bytes"));
    }
    // What was no text came out as something else than it was.
    if state.is_some_and(|state| state.contains(char::REPLACEMENT_CHARACTER)) {
        return Err((Code::InvalidRequest, "The state is not UTF-8"));
    }
    Ok(state)
}

/// Reads a request of this client, which may be answered at this address.
pub(super) fn read(
    issuer: &Issuer,
    rules: &Rules,
    client: &Client,
    redirect: &Redirect,
    params: &Params,
) -> Result<Read, Refusal> {
    if !client.may(AUTHORIZATION_CODE) {
        let text = "This client is not registered for authorization codes";
        return Err((Code::UnauthorizedClient, text));
    }
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => return Err((Code::UnsupportedResponseType, "response_type must be code")),
        None => return Err((Code::InvalidRequest, "response_type is missing")),
    }
    if params
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err((Code::InvalidRequest, "response_mode must be query"));
    }
    let code_challenge = challenge(params)?;
    let wish = Wish::read(issuer, rules, client, params)?;
    let (prompt, silent) = prompt(params)?;
    let asked = Asked {
        client_id: client.client_id.clone(),
        redirect_uri: redirect.uri.clone(),
        redirect_given: redirect.given,
        state: state(params)?.map(str::to_owned),
        code_challenge,
        resources: wish.resources,
        scopes: wish.scopes,
        prompt,
    };
    Ok(Read { asked, silent })
}

/// PKCE-1, PKCE-2: everybody proves that the code is theirs, and only in the way that does not tell.
fn challenge(params: &Params) -> Result<String, Refusal> {
    let challenge = params.get("code_challenge");
    let challenge = challenge.ok_or((Code::InvalidRequest, "code_challenge is missing"))?;
    if params.get("code_challenge_method") != Some("S256") {
        return Err((Code::InvalidRequest, "code_challenge_method must be S256"));
    }
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&challenge.len()) || !challenge.bytes().all(unreserved) {
        return Err((Code::InvalidRequest, "code_challenge is not one of S256"));
    }
    Ok(challenge.to_owned())
}

/// What people are to be asked, or that they may not be (OIDC Core §3.1.2.1).
fn prompt(params: &Params) -> Result<(Prompt, bool), Refusal> {
    let words = params.get("prompt").unwrap_or_default();
    let has = |wanted: &str| words.split_ascii_whitespace().any(|word| word == wanted);
    let prompt = Prompt {
        login: has("login"),
        consent: has("consent"),
    };
    let silent = has("none");
    if silent && prompt != Prompt::default() {
        return Err((Code::InvalidRequest, "prompt none goes with no other"));
    }
    Ok((prompt, silent))
}

const LONGEST_STATE: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::{issuer::tests::at, wish::tests::client};

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn check(params: &[(&str, &str)]) -> Result<Read, Code> {
        let mut all = vec![
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for &(name, value) in params {
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(all);
        let params = Params::parse(query.finish().as_bytes()).unwrap();
        let client = client("c");
        let redirect = client.redirect(None).unwrap();
        let issuer = at("https://acme.test");
        read(&issuer, &Rules::default(), &client, &redirect, &params).map_err(|(code, _)| code)
    }

    /// AUTHZ-1, A5, A7, OA-05.
    #[test]
    fn only_codes_and_only_with_proof_are_given() {
        assert!(check(&[]).is_ok());
        assert!(check(&[("response_mode", "query"), ("nonce", "x")]).is_ok());
        for (name, value, code) in [
            ("response_type", "token", Code::UnsupportedResponseType),
            (
                "response_type",
                "code id_token",
                Code::UnsupportedResponseType,
            ),
            ("response_type", "", Code::InvalidRequest),
            ("response_mode", "fragment", Code::InvalidRequest),
            ("response_mode", "form_post", Code::InvalidRequest),
            ("response_mode", "web_message", Code::InvalidRequest),
            ("code_challenge", "", Code::InvalidRequest),
            ("code_challenge", "short", Code::InvalidRequest),
            ("code_challenge_method", "", Code::InvalidRequest),
            ("code_challenge_method", "plain", Code::InvalidRequest),
            ("code_challenge_method", "s256", Code::InvalidRequest),
        ] {
            assert_eq!(check(&[(name, value)]), Err(code), "{name}={value}");
        }
        for challenge in ["x".repeat(42), "x".repeat(129), "+".repeat(43)] {
            let refused = check(&[("code_challenge", &challenge)]);
            assert_eq!(refused, Err(Code::InvalidRequest), "{challenge}");
        }
    }

    /// AUTHZ-4: long ones, and what base64 is made of.
    #[test]
    fn a_state_of_thousands_of_bytes_is_kept_as_it_is() {
        let long = format!("{}+/==", "aZ09".repeat(1024));
        let read = check(&[("state", &long)]).unwrap();
        assert_eq!(read.asked.state, Some(long));
        let too_long = "x".repeat(LONGEST_STATE + 1);
        assert_eq!(check(&[("state", &too_long)]), Err(Code::InvalidRequest));
    }

    /// AUTHZ-6.
    #[test]
    fn prompts_that_nobody_knows_are_ignored() {
        let of = |prompt| {
            let read = check(&[("prompt", prompt)])?;
            Ok((
                read.asked.prompt.login,
                read.asked.prompt.consent,
                read.silent,
            ))
        };
        assert_eq!(of(""), Ok((false, false, false)));
        assert_eq!(of("select_account create"), Ok((false, false, false)));
        assert_eq!(of("consent"), Ok((false, true, false)));
        assert_eq!(of("login consent"), Ok((true, true, false)));
        assert_eq!(of("none"), Ok((false, false, true)));
        assert_eq!(of("none login"), Err(Code::InvalidRequest));
    }
}
