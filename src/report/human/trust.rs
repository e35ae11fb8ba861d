//! The host keys that a machine shows, and what vouches for each.

use super::{
    Style,
    page::{Ink, Page},
};
use crate::hostkey::{PublicKey, evidence::Evidence, shown, spec_line};

/// One machine: its keys, a line each, and the error of its console output, if there is one.
pub fn trust(name: &str, address: &str, evidence: &Evidence, style: &Style) -> String {
    let mut page = Page::new(style);
    page.line(&[(Ink::Bold, name), (Ink::Plain, "  "), (Ink::Plain, address)]);
    let rows = evidence.rows();
    let width = rows.iter().map(|(key, _)| key.kind().len()).max();
    for (key, vouchers) in &rows {
        let kind = format!("  {:1$}  ", key.kind(), width.unwrap_or_default());
        let words: Vec<&str> = vouchers.iter().map(|voucher| voucher.word()).collect();
        let (ink, by) = match words.as_slice() {
            [] => (Ink::Yellow, "nothing vouches for it".to_owned()),
            words => (Ink::Green, words.join(", ")),
        };
        page.line(&[
            (Ink::Plain, &kind),
            (Ink::Plain, &key.fingerprint()),
            (Ink::Plain, "  "),
            (ink, &by),
        ]);
    }
    if let Some(Err(error)) = &evidence.console {
        for (at, line) in error.lines().enumerate() {
            let lead = match at {
                0 => [(Ink::Plain, "  "), (Ink::Dim, "console output: ")],
                _ => [(Ink::Plain, "    "), (Ink::Plain, "")],
            };
            page.wrapped(&lead, 4, Ink::Plain, line.trim_start());
        }
    }
    let sources = [
        ("the spec pins", &evidence.spec),
        ("pinned to it", &evidence.pinned),
        ("known_hosts has", &evidence.known),
    ];
    for (what, keys) in sources {
        // Those among the ones above are shown already.
        let others: Vec<PublicKey> = keys
            .iter()
            .filter(|key| !evidence.shown.contains(key))
            .cloned()
            .collect();
        if !others.is_empty() {
            let lead = format!("{what}: ");
            page.wrapped(
                &[(Ink::Plain, "  "), (Ink::Yellow, &lead)],
                4,
                Ink::Plain,
                &format!("{}, which it does not show", shown(&others)),
            );
        }
    }
    page.into_text()
}

/// The line for a spec that must do without pins of this machine's own, in CI.
pub fn pinned_line(keys: &[PublicKey], style: &Style) -> String {
    let mut page = Page::new(style);
    page.line(&[(Ink::Dim, "  for a spec that is run elsewhere, in CI:")]);
    page.line(&[(Ink::Plain, "    "), (Ink::Plain, &spec_line(keys))]);
    page.into_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostkey::tests::{ED25519, key};

    #[test]
    fn each_key_has_what_vouches_for_it() {
        let keys = |text: &str| vec![PublicKey::parse(text).expect("a key")];
        let other = keys(&key("ssh-ed25519", &[&[7; 32]]));
        let style = Style {
            color: false,
            width: 80,
        };
        let mut evidence = Evidence {
            shown: keys(ED25519),
            is_instance: true,
            known: other.clone(),
            console: Some(Err("i-1: it is \u{1b}[2Jempty\n  help: wait".into())),
            ..Evidence::default()
        };
        let ours = evidence.shown[0].fingerprint();
        let text = trust("client", "i-1", &evidence, &style);
        assert_eq!(
            text,
            format!(
                "client  i-1\n  ssh-ed25519  {ours}  nothing vouches for it\n  console output: \
                 i-1: it is \\u{{1b}}[2Jempty\n    help: wait\n  known_hosts has: ssh-ed25519\n    \
                 {}, which it does not show\n",
                other[0].fingerprint()
            )
        );
        evidence.console = Some(Ok(evidence.shown.clone()));
        let text = trust("client", "i-1", &evidence, &style);
        assert!(
            text.contains(&format!("{ours}  console output\n")),
            "{text}"
        );
        let line = pinned_line(&evidence.shown, &style);
        assert!(line.contains(&format!("    host_key: {{ pinned: [\"{ED25519}\"] }}\n")));
    }
}
