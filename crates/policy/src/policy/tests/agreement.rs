//! 10,000 triples of policy, caller and request agree with models that are written as plainly as
//! the rules are told (S4-42, S4-43), and what follows from the rules holds for each of them.

use proptest::{collection::vec, prelude::*, sample::select, sample::subsequence};

use super::*;

const SERVERS: &[&str] = &["a", "ab", "b"];
const NAMES: &[&str] = &["x", "xy", "yx", "y__x"];
const URIS: &[&str] = &["x", "xy", "y/x", "y/../x"];
const METHODS: &[&str] = &["x/y", "y/x"];
const PATTERNS: &[&str] = &["*", "x", "x*", "*x", "*y*", "x*y", "y/*"];
const SERVER_PATTERNS: &[&str] = &["*", "a", "b", "a*", "*b"];
const FLAT_PATTERNS: &[&str] = &[
    "*", "a__*", "a*", "*__x", "*y*", "ab__x", "b__*x", "a__y__x",
];
const SUBJECTS: &[&str] = &["alice", "bob", "keys/ci"];
const ROLES: &[&str] = &["dev", "ops", "qa"];
const GROUPS: &[&str] = &["sre", "dev", "other"];
const CLASSES: [Class; 3] = [Class::Read, Class::Write, Class::Ambiguous];

#[derive(Debug, Clone)]
struct Caller {
    subject: &'static str,
    roles: Vec<Box<str>>,
    groups: Vec<Box<str>>,
}

impl Caller {
    fn who(&self) -> Who<'_> {
        Who {
            subject: self.subject,
            roles: &self.roles,
            groups: &self.groups,
        }
    }
}

// ---- The models.

fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|skip| like(&pattern[1..], &text[skip..])),
        Some(sign) => text.starts_with(sign) && like(&pattern[1..], &text[1..]),
    }
}

fn any(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| like(pattern, text))
}

fn covers(grant: &Grant, what: &What<'_>) -> bool {
    let all_or = |patterns: &[String], text| patterns.is_empty() || any(patterns, text);
    let access = |wanted| grant.access == "*" || grant.access == wanted;
    let blanket = grant.deny
        && grant.access == "*"
        && [
            &grant.tools,
            &grant.resources,
            &grant.prompts,
            &grant.methods,
        ]
        .iter()
        .all(|list| list.is_empty());
    any(&grant.servers, what.server)
        && match what.object {
            Object::Tool { name, class } => {
                let wanted = if class == Class::Read {
                    "read"
                } else {
                    "write"
                };
                access(wanted) && all_or(&grant.tools, name)
            }
            Object::Resource(uri) => {
                let named = |text| grant.resources.iter().any(|it| it == text);
                let climbs = uri.split('/').any(|segment| segment == "..");
                let matched = grant.resources.is_empty() || any(&grant.resources, uri);
                let meant = !climbs || grant.resources.is_empty() || named("*") || named(uri);
                access("read")
                    && if grant.deny {
                        matched || climbs
                    } else {
                        matched && meant
                    }
            }
            Object::Prompt(name) => access("read") && all_or(&grant.prompts, name),
            Object::Method(name) => any(&grant.methods, name) || blanket,
        }
}

/// Every grant that somebody has, with its id.
fn grants<'p>(policy: &'p Written, caller: &Caller) -> Vec<(String, &'p Grant)> {
    let mut names: Vec<String> = Vec::new();
    names.extend(caller.roles.iter().map(ToString::to_string));
    for group in &caller.groups {
        names.push(group.to_string());
        names.extend(
            policy
                .groups
                .get(&**group)
                .into_iter()
                .flat_map(|it| it.roles.clone()),
        );
    }
    let subject = policy.subjects.get(caller.subject);
    names.extend(subject.into_iter().flat_map(|it| it.roles.clone()));
    let mut found = Vec::new();
    for name in names {
        for (at, grant) in policy
            .roles
            .get(&name)
            .into_iter()
            .flat_map(|it| it.grants.iter().enumerate())
        {
            found.push((format!("{name}[{at}]"), grant));
        }
    }
    for (at, grant) in subject
        .into_iter()
        .flat_map(|it| it.extra.iter().enumerate())
    {
        found.push((format!("{}.extra[{at}]", caller.subject), grant));
    }
    found
}

fn is_strict(policy: &Written, what: &What<'_>) -> bool {
    policy.strict_classification && is_ambiguous(&what.object)
}

/// The outcome, and all ids that may be named as its reason.
fn by_roles(policy: &Written, caller: &Caller, what: &What<'_>) -> (bool, Vec<String>) {
    if is_strict(policy, what) {
        return (false, texts(&["strict"]));
    }
    let found = grants(policy, caller);
    let ids = |deny| {
        let hits = found
            .iter()
            .filter(|(_, grant)| grant.deny == deny && covers(grant, what));
        hits.map(|(id, _)| id.clone()).collect::<Vec<_>>()
    };
    match (ids(true), ids(false)) {
        (denials, _) if !denials.is_empty() => (false, denials),
        (_, allowances) if !allowances.is_empty() => (true, allowances),
        _ => (policy.default == "allow", texts(&["default"])),
    }
}

fn by_rules(policy: &Written, caller: &Caller, what: &What<'_>) -> (bool, Vec<String>) {
    if is_strict(policy, what) {
        return (false, texts(&["strict"]));
    }
    if let Object::Tool { name, .. } = what.object {
        let tool = format!("{}__{name}", what.server);
        for (index, rule) in policy.rules.iter().enumerate() {
            let names = |list: &[String], own: &[&str]| {
                list.is_empty()
                    || list
                        .iter()
                        .any(|it| it == "*" || own.contains(&it.as_str()))
            };
            let roles: Vec<&str> = caller
                .roles
                .iter()
                .chain(&caller.groups)
                .map(|it| &**it)
                .collect();
            if names(&rule.subjects, &[caller.subject])
                && names(&rule.roles, &roles)
                && (rule.tools.is_empty() || any(&rule.tools, &tool))
            {
                return (rule.policy == "allow", vec![format!("legacy[{index}]")]);
            }
        }
    }
    (policy.default == "allow", texts(&["legacy:default"]))
}

// ---- Policies, callers and requests, small enough that they often meet.

fn some(from: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let none = Just(Vec::new());
    prop_oneof![2 => none, 1 => subsequence(from, 1..=2).prop_map(|list| texts(&list))]
}

fn boxes(from: &'static [&'static str]) -> impl Strategy<Value = Vec<Box<str>>> {
    vec(select(from), 0..4).prop_map(|list| list.into_iter().map(Box::from).collect())
}

fn any_grant() -> impl Strategy<Value = Grant> {
    let lists = (
        some(PATTERNS),
        some(PATTERNS),
        some(PATTERNS),
        some(PATTERNS),
    );
    let servers = subsequence(SERVER_PATTERNS, 1..=2);
    let access = select(vec!["read", "write", "*"]);
    (servers, access, lists, prop::bool::weighted(0.25)).prop_map(
        |(servers, access, (tools, resources, prompts, methods), deny)| Grant {
            resources,
            prompts,
            methods,
            deny,
            tools,
            ..grant(&servers, access, &[])
        },
    )
}

fn any_default() -> impl Strategy<Value = String> {
    select(vec!["", "deny", "allow"]).prop_map(str::to_owned)
}

fn any_roles() -> impl Strategy<Value = Written> {
    let role = vec(any_grant(), 0..3);
    let bound = || subsequence(ROLES, 0..=2).prop_map(|list| texts(&list));
    let subject =
        (bound(), vec(any_grant(), 0..2)).prop_map(|(roles, extra)| Subject { roles, extra });
    let group = bound().prop_map(|roles| Group { roles });
    let maps = (
        vec(role, ROLES.len()),
        prop::collection::hash_map(select(SUBJECTS).prop_map(str::to_owned), subject, 0..3),
        prop::collection::hash_map(select(GROUPS).prop_map(str::to_owned), group, 0..3),
    );
    (any_default(), prop::bool::weighted(0.2), maps).prop_map(
        |(default, strict_classification, (roles, subjects, groups))| {
            let named = ROLES.iter().map(|&name| name.to_owned());
            Written {
                default,
                strict_classification,
                roles: named
                    .zip(roles.into_iter().map(|grants| Role { grants }))
                    .collect(),
                subjects,
                groups,
                ..Written::default()
            }
        },
    )
}

fn any_rules() -> impl Strategy<Value = Written> {
    let names = |from: &'static [&'static str]| prop_oneof![some(from), Just(texts(&["*"]))];
    let policy = select(vec!["allow", "deny"]);
    let rule = (names(SUBJECTS), names(ROLES), some(FLAT_PATTERNS), policy).prop_map(
        |(subjects, roles, tools, policy)| Line {
            subjects,
            roles,
            tools,
            policy: policy.into(),
        },
    );
    (any_default(), prop::bool::weighted(0.2), vec(rule, 1..5)).prop_map(
        |(default, strict_classification, rules)| Written {
            default,
            strict_classification,
            rules,
            ..Written::default()
        },
    )
}

fn any_caller() -> impl Strategy<Value = Caller> {
    (select(SUBJECTS), boxes(ROLES), boxes(GROUPS)).prop_map(|(subject, roles, groups)| Caller {
        subject,
        roles,
        groups,
    })
}

/// Everything that can be asked for at a server.
fn objects() -> Vec<Object<'static>> {
    let tools = NAMES
        .iter()
        .flat_map(|&name| CLASSES.map(|class| Object::Tool { name, class }));
    let resources = URIS.iter().map(|&name| Object::Resource(name));
    let prompts = NAMES.iter().map(|&name| Object::Prompt(name));
    let methods = METHODS.iter().map(|&name| Object::Method(name));
    tools
        .chain(resources)
        .chain(prompts)
        .chain(methods)
        .collect()
}

fn any_request() -> impl Strategy<Value = What<'static>> {
    (select(SERVERS), select(objects())).prop_map(|(server, object)| What { server, object })
}

/// Where a caller reaches nothing, nothing is allowed.
fn assert_reach(policy: &Policy, caller: &Caller) -> Result<(), TestCaseError> {
    for &server in SERVERS {
        let may = |object| {
            policy
                .decide(&caller.who(), &What { server, object })
                .allowed
        };
        if objects().into_iter().any(may) {
            prop_assert!(
                policy.reaches(&caller.who(), server),
                "{} {:?}",
                server,
                caller
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// S4-42, S4-44 to S4-49, S4-55.
    #[test]
    fn roles_agree_with_their_model(
        written in any_roles(),
        caller in any_caller(),
        what in any_request(),
    ) {
        let policy = compile(&written);
        let decision = policy.decide(&caller.who(), &what);
        let (allowed, reasons) = by_roles(&written, &caller, &what);
        prop_assert_eq!(decision.allowed, allowed);
        prop_assert!(reasons.contains(&decision.rule()), "{} {:?}", decision.rule(), reasons);
        assert_reach(&policy, &caller)?;
    }

    /// S4-43, S4-50, S4-55.
    #[test]
    fn the_flat_list_agrees_with_its_model(
        written in any_rules(),
        caller in any_caller(),
        what in any_request(),
    ) {
        let policy = compile(&written);
        let decision = policy.decide(&caller.who(), &what);
        let (allowed, reasons) = by_rules(&written, &caller, &what);
        prop_assert_eq!(decision.allowed, allowed);
        prop_assert_eq!(vec![decision.rule()], reasons);
        assert_reach(&policy, &caller)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// S4-42: whatever is written in another order says the same.
    #[test]
    fn the_order_of_roles_and_grants_never_matters(
        written in any_roles(),
        caller in any_caller(),
        what in any_request(),
        turn in 0..4_usize,
    ) {
        let allowed = compile(&written).decide(&caller.who(), &what).allowed;
        let (mut shuffled, mut turned) = (written, caller);
        for role in shuffled.roles.values_mut() {
            shuffle(&mut role.grants, turn);
        }
        for subject in shuffled.subjects.values_mut() {
            shuffle(&mut subject.roles, turn);
            shuffle(&mut subject.extra, turn);
        }
        for group in shuffled.groups.values_mut() {
            shuffle(&mut group.roles, turn);
        }
        shuffle(&mut turned.roles, turn);
        shuffle(&mut turned.groups, turn);
        prop_assert_eq!(compile(&shuffled).decide(&turned.who(), &what).allowed, allowed);
    }

    /// S4-42: a denial wins over whatever else there is, wherever it stands.
    #[test]
    fn a_denial_always_wins(
        written in any_roles(),
        caller in any_caller(),
        what in any_request(),
        turn in 0..4_usize,
    ) {
        let mut denying = written;
        let subject = denying.subjects.entry(caller.subject.to_owned()).or_default();
        subject.extra.push(denial(&[what.server], "*", &[]));
        shuffle(&mut subject.extra, turn);
        let policy = compile(&denying);
        prop_assert!(!policy.decide(&caller.who(), &what).allowed);
        prop_assert!(!policy.reaches(&caller.who(), what.server));
    }

    /// A further denial never allows anything.
    #[test]
    fn a_denial_never_allows(
        written in any_roles(),
        caller in any_caller(),
        what in any_request(),
        mut added in any_grant(),
    ) {
        let before = compile(&written).decide(&caller.who(), &what).allowed;
        let mut denying = written;
        added.deny = true;
        denying.roles.get_mut("dev").unwrap().grants.push(added);
        let after = compile(&denying).decide(&caller.who(), &what).allowed;
        prop_assert!(before || !after);
    }
}

fn shuffle<T>(list: &mut [T], turn: usize) {
    if turn % 2 == 1 {
        list.reverse();
    }
    if !list.is_empty() {
        list.rotate_left(turn % list.len());
    }
}
