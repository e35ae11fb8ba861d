//! What `${{ … }}` comes to, as far as the workflow here needs it: names, texts, `!`, `==`, `!=`, `&&`,
//! `||` and brackets.

/// What a name stands for; `cancelled()` is one, too.
pub type Names<'a> = &'a dyn Fn(&str) -> String;

/// Whether a condition holds, with or without `${{ }}` around it.
pub fn holds(condition: &str, names: Names<'_>) -> bool {
    let inner = condition.trim();
    let inner = inner
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(inner);
    is_true(&value(inner, names))
}

/// A text with its expressions replaced.
pub fn filled(text: &str, names: Names<'_>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (inner, behind) = after.split_once("}}").expect("an end");
        out.push_str(before);
        out.push_str(&value(inner, names));
        rest = behind;
    }
    out + rest
}

fn is_true(value: &str) -> bool {
    !value.is_empty() && value != "false"
}

fn value(expression: &str, names: Names<'_>) -> String {
    let mut rest = expression.trim();
    let value = either(&mut rest, names);
    assert_eq!(rest, "", "in {expression}");
    value
}

fn taken(rest: &mut &str, word: &str) -> bool {
    match rest.strip_prefix(word) {
        Some(after) => {
            *rest = after.trim_start();
            true
        }
        None => false,
    }
}

fn either(rest: &mut &str, names: Names<'_>) -> String {
    let mut left = both(rest, names);
    while taken(rest, "||") {
        let right = both(rest, names);
        left = if is_true(&left) { left } else { right };
    }
    left
}

fn both(rest: &mut &str, names: Names<'_>) -> String {
    let mut left = equal(rest, names);
    while taken(rest, "&&") {
        let right = equal(rest, names);
        left = if is_true(&left) { right } else { left };
    }
    left
}

fn equal(rest: &mut &str, names: Names<'_>) -> String {
    let left = one(rest, names);
    if taken(rest, "==") {
        return (left == one(rest, names)).to_string();
    }
    if taken(rest, "!=") {
        return (left != one(rest, names)).to_string();
    }
    left
}

fn one(rest: &mut &str, names: Names<'_>) -> String {
    if taken(rest, "!") {
        return (!is_true(&one(rest, names))).to_string();
    }
    if taken(rest, "(") {
        let inner = either(rest, names);
        assert!(taken(rest, ")"), "no bracket before {rest}");
        return inner;
    }
    if let Some(after) = rest.strip_prefix('\'') {
        let (text, after) = after.split_once('\'').expect("an end");
        *rest = after.trim_start();
        return text.to_owned();
    }
    let is_name = |c: char| c.is_alphanumeric() || "._-".contains(c);
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    assert!(!name.is_empty(), "no name in {rest}");
    *rest = after.trim_start();
    if taken(rest, "()") {
        return names(&format!("{name}()"));
    }
    names(name)
}

#[test]
fn expressions_are_as_github_has_them() {
    let names = |name: &str| match name {
        "github.event_name" => "push".to_owned(),
        "steps.a.outputs.run" => "7".to_owned(),
        "cancelled()" => "false".to_owned(),
        "vars.NONE" => String::new(),
        other => panic!("{other}"),
    };
    assert!(holds(
        "${{ !cancelled() && github.event_name == 'push' }}",
        &names
    ));
    assert!(!holds("${{ vars.NONE != '' }}", &names));
    assert!(holds(
        "${{ github.event_name == 'pull_request' && vars.NONE || steps.a.outputs.run == '7' }}",
        &names
    ));
    assert!(!holds(
        "${{ (github.event_name == 'x' || vars.NONE) && steps.a.outputs.run }}",
        &names
    ));
    assert_eq!(
        filled(
            "a/${{ vars.NONE || steps.a.outputs.run }}/${{ github.event_name }}",
            &names
        ),
        "a/7/push"
    );
}
