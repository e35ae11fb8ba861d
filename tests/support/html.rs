//! Reads a page back, as its own tests and those of all formats do.

use std::collections::BTreeMap;

use html5gum::{DefaultEmitter, Token, Tokenizer};

/// An element, or the whole page.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    children: Vec<Child>,
}

#[derive(Debug)]
enum Child {
    Element(Element),
    Text(String),
}

/// What has no end.
const VOID: [&str; 3] = ["meta", "link", "input"];

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Reads a page by the rules of WHATWG. It has no error by them, and each element is closed where it must be.
#[track_caller]
pub fn read(page: &str) -> Element {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut open = vec![Element::default()];
    let close = |open: &mut Vec<Element>| {
        let element = open.pop().expect("one is open");
        let parent = open.last_mut().expect("the page");
        parent.children.push(Child::Element(element));
    };
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = text_of(&tag.name);
                let attributes = tag.attributes.iter();
                let attributes = attributes.map(|(name, value)| (text_of(name), text_of(value)));
                let is_void = VOID.contains(&&*name);
                open.push(Element {
                    name,
                    attributes: attributes.collect(),
                    children: vec![],
                });
                if is_void {
                    close(&mut open);
                }
            }
            Token::EndTag(tag) => {
                let name = text_of(&tag.name);
                assert_eq!(
                    open.last().map(|one| &one.name),
                    Some(&name),
                    "{page:.3000}"
                );
                close(&mut open);
            }
            Token::String(text) => {
                let parent = open.last_mut().expect("the page");
                parent.children.push(Child::Text(text_of(&text)));
            }
            Token::Comment(text) => panic!("a comment: {:?}", text_of(&text)),
            Token::Doctype(doctype) => assert!(!doctype.force_quirks, "{page:.200}"),
            Token::Error(error) => panic!("{error:?}: {page:.3000}"),
        }
    }
    assert_eq!(
        open.len(),
        1,
        "{:?} is open",
        open.last().map(|one| &one.name)
    );
    open.remove(0)
}

impl Element {
    /// All elements in it, in the order of the page, itself first.
    pub fn all(&self) -> Vec<&Element> {
        let mut found = vec![self];
        for child in &self.children {
            if let Child::Element(element) = child {
                found.extend(element.all());
            }
        }
        found
    }

    /// Those of a name.
    pub fn named(&self, name: &str) -> Vec<&Element> {
        let all = self.all().into_iter();
        all.filter(|one| one.name == name).collect()
    }

    /// Those of a name that stand directly in it.
    pub fn children_named(&self, name: &str) -> Vec<&Element> {
        let elements = self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        });
        elements.filter(|one| one.name == name).collect()
    }

    /// Those with a class.
    pub fn of_class(&self, class: &str) -> Vec<&Element> {
        let has = |one: &&Element| {
            let own = one.attributes.get("class").map(String::as_str);
            own.unwrap_or_default().split(' ').any(|own| own == class)
        };
        self.all().into_iter().filter(has).collect()
    }

    /// An attribute; empty where it has none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// What a reader sees of it, with single blanks.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.push(&mut text);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn push(&self, text: &mut String) {
        for child in &self.children {
            match child {
                Child::Text(own) => text.push_str(own),
                Child::Element(element) => element.push(text),
            }
        }
        // What stands below another, or in another cell, is another word.
        if ["p", "td", "th", "li", "summary", "pre", "h1", "h2", "h3"].contains(&&*self.name) {
            text.push(' ');
        }
    }

    /// Its text as it is, to the last blank.
    pub fn raw(&self) -> String {
        let mut raw = String::new();
        for child in &self.children {
            match child {
                Child::Text(own) => raw.push_str(own),
                Child::Element(element) => raw.push_str(&element.raw()),
            }
        }
        raw
    }
}
