use std::{net::SocketAddr, path::Path};

use secrecy::ExposeSecret as _;

use super::*;

fn source<const N: usize>(pairs: [(&str, &str); N]) -> Source {
    Source::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

#[test]
fn a_value_comes_from_the_variable_or_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, "from file\r\n").unwrap();

    assert_eq!(
        source([("ALDGATE_A", "plain")])
            .text("ALDGATE_A")
            .unwrap()
            .as_deref(),
        Some("plain")
    );
    let mut from_file = source([("ALDGATE_A_FILE", path.to_str().unwrap())]);
    assert_eq!(
        from_file
            .secret("ALDGATE_A")
            .unwrap()
            .unwrap()
            .expose_secret(),
        "from file"
    );
    assert_eq!(source([]).text("ALDGATE_A").unwrap(), None);
    assert_eq!(source([("ALDGATE_A", "")]).text("ALDGATE_A").unwrap(), None);
}

#[test]
fn both_forms_at_once_are_refused() {
    let error = source([("ALDGATE_A", "x"), ("ALDGATE_A_FILE", "/y")])
        .text("ALDGATE_A")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ALDGATE_A and ALDGATE_A_FILE are both set; unset one of them"
    );
}

#[test]
fn a_name_that_ends_in_file_is_a_path() {
    let mut source = source([("ALDGATE_KEK_FILE", "/run/kek")]);
    assert_eq!(
        source.required::<PathBuf>("ALDGATE_KEK_FILE").unwrap(),
        Path::new("/run/kek")
    );
}

#[test]
fn errors_name_the_variable_and_the_remedy_but_not_the_value() {
    let missing = source([]).required::<String>("ALDGATE_A").unwrap_err();
    assert_eq!(
        missing.to_string(),
        "ALDGATE_A is not set; set it, or set ALDGATE_A_FILE to the path of a file that holds it"
    );

    let path = source([])
        .required::<PathBuf>("ALDGATE_KEK_FILE")
        .unwrap_err();
    assert_eq!(
        path.to_string(),
        "ALDGATE_KEK_FILE is not set; set it to the path of a file"
    );

    let invalid = source([("ALDGATE_ADDR", "hunter2")])
        .parse::<SocketAddr>("ALDGATE_ADDR")
        .unwrap_err();
    assert_eq!(
        invalid.to_string(),
        "ALDGATE_ADDR is not valid: invalid socket address syntax"
    );

    let file = source([("ALDGATE_A_FILE", "/does/not/exist")])
        .text("ALDGATE_A")
        .unwrap_err();
    assert!(
        file.to_string()
            .starts_with("ALDGATE_A_FILE names /does/not/exist, which cannot be read;"),
        "{file}"
    );
}

#[test]
fn lists_are_split_at_commas() {
    let mut pairs = source([("ALDGATE_PORTS", " 1, 2,,3 ,"), ("ALDGATE_BAD", "1,x")]);
    assert_eq!(pairs.list::<u16>("ALDGATE_PORTS").unwrap(), [1, 2, 3]);
    assert!(pairs.list::<u16>("ALDGATE_NONE").unwrap().is_empty());
    let error = pairs.list::<u16>("ALDGATE_BAD").unwrap_err();
    assert_eq!(
        error.to_string(),
        "ALDGATE_BAD is not valid: item 2: invalid digit found in string"
    );
}

#[test]
fn durations_have_a_unit() {
    let mut pairs = source([("ALDGATE_A", "24h"), ("ALDGATE_B", "24")]);
    assert_eq!(
        pairs.duration_or("ALDGATE_A", Duration::ZERO).unwrap(),
        Duration::from_hours(24)
    );
    assert_eq!(
        pairs
            .duration_or("ALDGATE_NONE", Duration::from_secs(3))
            .unwrap(),
        Duration::from_secs(3)
    );
    assert!(
        pairs
            .duration_or("ALDGATE_B", Duration::ZERO)
            .unwrap_err()
            .to_string()
            .contains("250ms, 3s or 24h")
    );
}

#[test]
fn unknown_variables_are_reported() {
    let mut pairs = source([
        ("ALDGATE_KNOWN", "1"),
        ("ALDGATE_TYPO", "1"),
        ("HOME", "/"),
        ("ALDGATE_OTHER_FILE", ""),
    ]);
    assert_eq!(pairs.parse::<u8>("ALDGATE_KNOWN").unwrap(), Some(1));
    pairs.text("ALDGATE_OTHER").unwrap();
    assert_eq!(pairs.finish(), ["ALDGATE_TYPO"]);
}
