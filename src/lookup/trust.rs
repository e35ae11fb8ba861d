//! Whether a role's trust policy lets another role assume it. Pure: a document in, a verdict out.
//!
//! What the walkthrough forgets: since 2022 a role does not trust itself by being itself, so a
//! client whose `awsRoleArn` names the instance's own role needs a statement for that. The rules
//! are those of IAM's documentation of policy elements: an explicit deny wins; a statement counts
//! where effect, principal and action match; conditions depend on the request, so that a
//! statement with some decides nothing here.

use serde_json::{Value, json};

/// The verdict of a trust policy on one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// It lets it.
    Allowed,
    /// It leaves it to the account: the other role's own policies must allow it.
    Delegated,
    /// It does not let it: nothing allows, or something denies.
    Refused {
        /// A statement denies it: one more that allows would not help.
        denied: bool,
    },
    /// It depends on more than can be seen here.
    Unclear(String),
}

const ASSUME: &str = "sts:AssumeRole";

/// Reads a policy. `caller` is the ARN of the role that wants to assume, `session` the ARN of its
/// session where it is known.
pub fn verdict(policy: &str, caller: &str, session: Option<&str>) -> Trust {
    let document: Value = match serde_json::from_str(policy) {
        Ok(document) => document,
        Err(error) => return Trust::Unclear(format!("its trust policy is no JSON: {error}")),
    };
    let assumer = Assumer {
        caller,
        session,
        account: account(caller),
    };
    let (mut denied, mut allowed, mut delegated) = (false, false, false);
    let (mut may_deny, mut may_allow) = (None, None);
    for statement in items(&document["Statement"]) {
        match (statement["Effect"].as_str(), assumer.fits(statement)) {
            (Some("Deny"), Fit::Yes | Fit::Account) => denied = true,
            (Some("Deny"), Fit::Unclear(why)) => may_deny = Some(why),
            (Some("Allow"), Fit::Yes) => allowed = true,
            (Some("Allow"), Fit::Account) => delegated = true,
            (Some("Allow"), Fit::Unclear(why)) => may_allow = Some(why),
            _ => {}
        }
    }
    match (denied, may_deny, allowed, may_allow, delegated) {
        (true, ..) => Trust::Refused { denied: true },
        (_, Some(why), ..) => Trust::Unclear(why.into()),
        (_, _, true, ..) => Trust::Allowed,
        (_, _, _, Some(why), _) => Trust::Unclear(why.into()),
        (.., true) => Trust::Delegated,
        _ => Trust::Refused { denied: false },
    }
}

/// The statement that lets a role assume.
pub fn statement(caller: &str) -> String {
    json!({
        "Effect": "Allow",
        "Principal": { "AWS": caller },
        "Action": ASSUME,
    })
    .to_string()
}

/// The session that EC2 gives an instance's role: named after the instance.
pub fn session(role: &str, instance: &str) -> Option<String> {
    let (before, name) = role.split_once(":role/")?;
    let name = name.rsplit('/').next()?;
    let before = before.replacen(":iam:", ":sts:", 1);
    Some(format!("{before}:assumed-role/{name}/{instance}"))
}

/// Whether a statement is about a caller who assumes.
#[derive(Debug, PartialEq, Eq)]
enum Fit {
    Yes,
    /// By its account alone.
    Account,
    No,
    Unclear(&'static str),
}

struct Assumer<'a> {
    caller: &'a str,
    session: Option<&'a str>,
    account: Option<&'a str>,
}

impl Assumer<'_> {
    fn fits(&self, statement: &Value) -> Fit {
        let principal = self.fit_of_principal(&statement["Principal"]);
        let has = |key: &str| statement.get(key).is_some();
        if has("NotAction") || (has("Action") && !is_about_assuming(&statement["Action"])) {
            return match has("NotAction") && principal != Fit::No {
                true => Fit::Unclear("a statement that fits has `NotAction`"),
                false => Fit::No,
            };
        }
        let conditions = statement["Condition"].as_object();
        match principal {
            _ if !has("Action") => Fit::No,
            _ if has("NotPrincipal") => Fit::Unclear("a statement has `NotPrincipal`"),
            Fit::Yes | Fit::Account if conditions.is_some_and(|all| !all.is_empty()) => {
                Fit::Unclear("a statement that fits has conditions")
            }
            principal => principal,
        }
    }

    fn fit_of_principal(&self, principal: &Value) -> Fit {
        if principal == "*" {
            return Fit::Yes;
        }
        let mut found = Fit::No;
        for one in items(&principal["AWS"])
            .iter()
            .filter_map(|one| one.as_str())
        {
            if one == "*" || one == self.caller || Some(one) == self.session {
                return Fit::Yes;
            }
            let root = one.strip_suffix(":root").and_then(account);
            if self.account.is_some() && (root == self.account || Some(one) == self.account) {
                found = Fit::Account;
            }
        }
        found
    }
}

fn is_about_assuming(actions: &Value) -> bool {
    let wanted = ASSUME.to_ascii_lowercase();
    let fits = |pattern: &str| glob(&pattern.to_ascii_lowercase(), &wanted);
    let actions = items(actions);
    actions.iter().filter_map(|one| one.as_str()).any(fits)
}

/// One or many, as policies have it.
fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// The account in an ARN.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// `*` stands for any text, `?` for one character.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((star, at)) => {
                    back = Some((star, at + 1));
                    (p, t) = (star + 1, at + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// A document as IAM sends it: URL-encoded (RFC 3986). What is no such encoding stays.
#[cfg(any(feature = "aws", test))]
pub(crate) fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/client-role";

    fn policy(statements: Value) -> String {
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    fn of(statements: Value) -> Trust {
        let session = session(ROLE, "i-1");
        verdict(&policy(statements), ROLE, session.as_deref())
    }

    fn allow(principal: Value) -> Value {
        json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" })
    }

    fn deny(principal: Value) -> Value {
        json!({ "Effect": "Deny", "Principal": principal, "Action": "sts:*" })
    }

    fn with_condition(mut statement: Value) -> Value {
        statement["Condition"] = json!({ "StringEquals": { "sts:ExternalId": "x" } });
        statement
    }

    #[test]
    fn what_the_walkthrough_forgets_is_refused_until_the_statement_is_there() {
        let ec2 = allow(json!({ "Service": "ec2.amazonaws.com" }));
        assert_eq!(of(json!([ec2])), Trust::Refused { denied: false });
        assert_eq!(
            of(ec2.clone()),
            Trust::Refused { denied: false },
            "one, not in a list"
        );
        let added: Value = serde_json::from_str(&statement(ROLE)).expect("JSON");
        assert_eq!(of(json!([ec2, added])), Trust::Allowed);
    }

    #[test]
    fn principals() {
        for (principal, wanted) in [
            (json!("*"), Trust::Allowed),
            (json!({ "AWS": "*" }), Trust::Allowed),
            (json!({ "AWS": ROLE }), Trust::Allowed),
            (
                json!({ "AWS": ["arn:aws:iam::1:role/x", ROLE] }),
                Trust::Allowed,
            ),
            (
                json!({ "AWS": "arn:aws:sts::123456789012:assumed-role/client-role/i-1" }),
                Trust::Allowed,
            ),
            (
                json!({ "AWS": "arn:aws:sts::123456789012:assumed-role/client-role/i-2" }),
                Trust::Refused { denied: false },
            ),
            (
                json!({ "AWS": "arn:aws:iam::123456789012:root" }),
                Trust::Delegated,
            ),
            (json!({ "AWS": "123456789012" }), Trust::Delegated),
            (
                json!({ "AWS": "arn:aws:iam::999:root" }),
                Trust::Refused { denied: false },
            ),
            (
                // Another path is another role.
                json!({ "AWS": "arn:aws:iam::123456789012:role/client-role" }),
                Trust::Refused { denied: false },
            ),
            (
                json!({ "AWS": "AROAEXAMPLE" }),
                Trust::Refused { denied: false },
            ),
            (
                json!({ "Federated": "cognito" }),
                Trust::Refused { denied: false },
            ),
        ] {
            assert_eq!(of(json!([allow(principal.clone())])), wanted, "{principal}");
        }
    }

    #[test]
    fn actions() {
        for (action, fits) in [
            (json!("sts:AssumeRole"), true),
            (json!("STS:assumerole"), true),
            (json!(["sts:TagSession", "sts:Assume*"]), true),
            (json!("*"), true),
            (json!("sts:AssumeRoleWithSAML"), false),
            (json!("sts:AssumeRol?"), true),
            (json!([]), false),
        ] {
            let mut statement = allow(json!("*"));
            statement["Action"] = action.clone();
            assert_eq!(of(json!([statement])) == Trust::Allowed, fits, "{action}");
        }
    }

    #[test]
    fn a_denial_wins_and_conditions_decide_nothing() {
        let me = json!({ "AWS": ROLE });
        let all = json!("*");
        assert_eq!(
            of(json!([allow(me.clone()), deny(all.clone())])),
            Trust::Refused { denied: true }
        );
        let others = deny(json!({ "AWS": "arn:aws:iam::1:root" }));
        assert_eq!(of(json!([others, allow(me.clone())])), Trust::Allowed);
        assert!(matches!(
            of(json!([with_condition(allow(me.clone()))])),
            Trust::Unclear(_)
        ));
        let maybe = with_condition(deny(all.clone()));
        assert!(matches!(
            of(json!([allow(me.clone()), maybe])),
            Trust::Unclear(_)
        ));
        assert_eq!(
            of(json!([maybe, deny(all)])),
            Trust::Refused { denied: true }
        );
        let both = [with_condition(allow(me.clone())), allow(me)];
        assert_eq!(of(json!(both)), Trust::Allowed);
        assert!(matches!(
            of(json!([{ "Effect": "Allow", "NotPrincipal": { "AWS": "x" }, "Action": "*" }])),
            Trust::Unclear(_)
        ));
        assert!(matches!(verdict("{", ROLE, None), Trust::Unclear(_)));
        assert_eq!(verdict("{}", ROLE, None), Trust::Refused { denied: false });
    }

    #[test]
    fn documents_come_url_encoded() {
        assert_eq!(
            decoded("%7B%22a%22%3A%20%22%C3%A9%2B%22%7D"),
            "{\"a\": \"é+\"}"
        );
        assert_eq!(decoded("100% %zz %4"), "100% %zz %4");
        assert_eq!(
            session(ROLE, "i-1").as_deref(),
            Some("arn:aws:sts::123456789012:assumed-role/client-role/i-1")
        );
    }

    /// A plain reading of the rules, to hold the other against: sets of statements, no shortcuts.
    fn oracle(kinds: &[(bool, u8, bool)]) -> Trust {
        let hit = |deny: bool, conditional: bool| {
            kinds
                .iter()
                .filter(|(d, _, c)| *d == deny && *c == conditional)
                .filter(|(_, principal, _)| *principal < 3)
                .map(|(_, principal, _)| *principal)
                .collect::<Vec<_>>()
        };
        if !hit(true, false).is_empty() {
            Trust::Refused { denied: true }
        } else if !hit(true, true).is_empty() {
            Trust::Unclear(String::new())
        } else if hit(false, false).iter().any(|principal| *principal < 2) {
            Trust::Allowed
        } else if !hit(false, true).is_empty() {
            Trust::Unclear(String::new())
        } else if !hit(false, false).is_empty() {
            Trust::Delegated
        } else {
            Trust::Refused { denied: false }
        }
    }

    proptest! {
        #[test]
        fn any_statements_in_any_order_are_read_by_the_rules(
            kinds in prop::collection::vec((any::<bool>(), 0u8..5, any::<bool>()), 0..6)
        ) {
            let statements: Vec<Value> = kinds
                .iter()
                .map(|(is_deny, principal, conditional)| {
                    let principal = match principal {
                        0 => json!("*"),
                        1 => json!({ "AWS": [ROLE] }),
                        2 => json!({ "AWS": "arn:aws:iam::123456789012:root" }),
                        3 => json!({ "AWS": "arn:aws:iam::1:root" }),
                        _ => json!({ "Service": "ec2.amazonaws.com" }),
                    };
                    let statement = if *is_deny { deny(principal) } else { allow(principal) };
                    if *conditional { with_condition(statement) } else { statement }
                })
                .collect();
            let found = match of(json!(statements)) {
                Trust::Unclear(_) => Trust::Unclear(String::new()),
                found => found,
            };
            prop_assert_eq!(found, oracle(&kinds));
        }

        #[test]
        fn no_document_is_too_strange(text in ".{0,200}") {
            let _ = verdict(&text, ROLE, None);
            let _ = decoded(&text);
        }
    }
}
