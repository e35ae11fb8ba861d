//! Keys that are unknown where they stand.

use serde_json::Value as Json;

use super::Walker;
use crate::{
    diagnostic::Span,
    spec::{
        forms::flatten,
        suggestions::{listed, nearest},
        tree::{Key, Node, Value},
    },
};

impl<'a> Walker<'a> {
    /// Help for an unknown key that belongs under another key: an ancestor, or the previous one.
    pub(super) fn right_parent(
        &self,
        schema: &'a Json,
        before: &[(Key, Node)],
        key: &Key,
    ) -> Option<String> {
        let has = |schema: &Json| schema["properties"].get(&key.text).is_some();
        let in_line = key.span.column as usize - 1;
        let columns = |wanted: usize| match wanted {
            wanted if wanted == in_line => String::new(),
            0 => format!(": give it no blanks instead of {in_line}"),
            wanted => format!(": give it {wanted} blanks instead of {in_line}"),
        };
        let is_block = |span: &Span| span.line != key.span.line;
        let (_, outer) = self.ancestors.split_last()?;
        if let Some((name, _, first)) = outer.iter().rev().find(|(_, schema, _)| has(schema)) {
            let columns_hint = first.filter(is_block);
            let columns_hint =
                columns_hint.map_or_else(String::new, |first| columns(first.column as usize - 1));
            return Some(match name {
                Some(name) => format!("`{}` goes under `{name}`{columns_hint}", key.text),
                None => format!("`{}` is a key of the spec itself{columns_hint}", key.text),
            });
        }
        let (previous, node) = before.last()?;
        let mut forms = Vec::new();
        flatten(
            self.root,
            schema["properties"].get(&previous.text)?,
            &mut forms,
        );
        let is_open = matches!(node.value, Value::Map(_) | Value::Null);
        if !is_open || !forms.iter().any(|form| has(form.schema)) {
            return None;
        }
        let first = node.entries().first().map(|(key, _)| key.span);
        let columns_hint = match first.filter(is_block) {
            Some(first) => columns(first.column as usize - 1),
            None if is_block(&previous.span) => columns(previous.span.column as usize + 1),
            None => String::new(),
        };
        Some(format!(
            "`{}` goes under `{}`{columns_hint}",
            key.text, previous.text
        ))
    }

    /// Reports an unknown key; returns the suggestion. `elsewhere` is help for a key that belongs under another.
    pub(super) fn unknown<'k>(
        &mut self,
        key: &Key,
        right_parent: Option<String>,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Option<&'k str> {
        if let Some((name, _)) = key.text.split_once(':')
            && let Some(known_key) = known.clone().find(|known| *known == name)
        {
            let label = format!("write `{name}: …`, with a blank");
            self.error(key.span, format!("`{name}:` has no blank behind it"), label);
            return Some(known_key);
        }
        let suggestion = nearest(&key.text, known.clone());
        let label = match (right_parent, suggestion) {
            (Some(right_parent), _) => right_parent,
            (None, Some(suggestion)) => format!("did you mean `{suggestion}`?"),
            (None, None) => match listed(known, "and").as_str() {
                "" => "there are no keys here".into(),
                all => format!("the keys here are {all}"),
            },
        };
        self.error(key.span, format!("unknown key `{}`", key.text), label);
        suggestion
    }
}

/// Whether a key is ignored: `x-…`.
pub fn is_ignored(schema: &Json, key: &Key) -> bool {
    let patterns = schema.get("patternProperties").and_then(Json::as_object);
    let mut prefixes = patterns
        .into_iter()
        .flatten()
        .filter_map(|(pattern, _)| pattern.strip_prefix('^'));
    prefixes.any(|prefix| key.text.starts_with(prefix))
}
