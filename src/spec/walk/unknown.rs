//! Keys that the schema does not have where they stand.

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
    /// Under which other key a key belongs that is unknown where it stands: one of those around, or the one
    /// before it; with the way out.
    pub(super) fn elsewhere(
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
        let (_, outer) = self.around.split_last()?;
        if let Some((name, _, first)) = outer.iter().rev().find(|(_, schema, _)| has(schema)) {
            let way = first.filter(is_block);
            let way = way.map_or_else(String::new, |first| columns(first.column as usize - 1));
            return Some(match name {
                Some(name) => format!("`{}` goes under `{name}`{way}", key.text),
                None => format!("`{}` is a key of the spec itself{way}", key.text),
            });
        }
        let (above, node) = before.last()?;
        let mut forms = Vec::new();
        flatten(
            self.root,
            schema["properties"].get(&above.text)?,
            &mut forms,
        );
        let is_open = matches!(node.value, Value::Map(_) | Value::Null);
        if !is_open || !forms.iter().any(|one| has(one.schema)) {
            return None;
        }
        let first = node.entries().first().map(|(key, _)| key.span);
        let way = match first.filter(is_block) {
            Some(first) => columns(first.column as usize - 1),
            None if is_block(&above.span) => columns(above.span.column as usize + 1),
            None => String::new(),
        };
        Some(format!("`{}` goes under `{}`{way}", key.text, above.text))
    }

    /// Names an unknown key; returns the one that it was likely meant to be. It may belong `elsewhere`.
    pub(super) fn unknown<'k>(
        &mut self,
        key: &Key,
        elsewhere: Option<String>,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Option<&'k str> {
        if let Some((name, _)) = key.text.split_once(':')
            && let Some(meant) = known.clone().find(|known| *known == name)
        {
            let label = format!("write `{name}: …`, with a blank");
            self.error(key.span, format!("`{name}:` has no blank behind it"), label);
            return Some(meant);
        }
        let near = nearest(&key.text, known.clone());
        let label = match (elsewhere, near) {
            (Some(elsewhere), _) => elsewhere,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => match listed(known, "and").as_str() {
                "" => "there are no keys here".into(),
                all => format!("the keys here are {all}"),
            },
        };
        self.error(key.span, format!("unknown key `{}`", key.text), label);
        near
    }
}

/// Whether a key is one of those of which nothing is looked at: `x-…`.
pub fn is_ignored(schema: &Json, key: &Key) -> bool {
    let patterns = schema.get("patternProperties").and_then(Json::as_object);
    let mut prefixes = patterns
        .into_iter()
        .flatten()
        .filter_map(|(pattern, _)| pattern.strip_prefix('^'));
    prefixes.any(|prefix| key.text.starts_with(prefix))
}
