//! What the installed clients say.

use super::{
    Style,
    page::{Ink, Page},
};
use crate::{
    proof::{Proof, ProofResult},
    report::words,
};

/// All of them, a paragraph each.
pub fn proofs(all: &[Proof], style: &Style) -> String {
    let mut page = Page::new(style);
    let many = all.len() > 1;
    for proof in all {
        let ink = match proof.result {
            ProofResult::Proven => Ink::Green,
            ProofResult::Skipped => Ink::Dim,
            ProofResult::Failed | ProofResult::Unread => Ink::Red,
        };
        if ink == Ink::Red {
            page.gap();
        }
        let took = words::duration(proof.took);
        let mut lines = proof.in_words();
        if proof.result == ProofResult::Proven {
            lines.push_str(&format!(" ({took})"));
        }
        let mut lines = lines.lines();
        let first = lines.next().unwrap_or_default();
        let name = format!("{}: ", proof.host);
        page.wrapped(&[(Ink::Bold, &name)], 2, ink, first);
        for line in lines {
            page.wrapped(&[(Ink::Plain, "  ")], 4, Ink::Plain, line.trim());
        }
        if !proof.bootstrap.is_empty() && (many || ink == Ink::Red) {
            let lead = [(Ink::Plain, "  "), (Ink::Dim, "brokers  ")];
            page.wrapped(&lead, 4, Ink::Plain, &proof.bootstrap);
        }
        for line in &proof.output {
            let lead = [(Ink::Plain, "  "), (Ink::Dim, "said     ")];
            page.wrapped(&lead, 11, Ink::Plain, line);
        }
        for note in &proof.notes {
            let lead = [(Ink::Plain, "  "), (Ink::Yellow, "note     ")];
            page.wrapped(&lead, 11, Ink::Plain, note);
        }
        if let Some(help) = &proof.help {
            page.wrapped(&[(Ink::Plain, "  help: ")], 4, Ink::Plain, help);
        }
    }
    page.into_text()
}
