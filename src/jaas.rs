//! The line `sasl.jaas.config`, as Kafka reads and as it is written for Kafka.
//!
//! Kafka's `JaasConfig` reads it with Java's `StreamTokenizer`, which has rules of its own: `/` begins
//! a comment (so an ARN without quotes ends its line), a bare number is no value, and the colon is no
//! part of a word. They are followed here one by one; `tests/java` holds the result against Kafka.

use std::collections::HashSet;

use serde::Serialize;

/// The login module of AWS's jar.
pub const IAM_MODULE: &str = "software.amazon.msk.auth.iam.IAMLoginModule";
/// Kafka's own login module for tokens.
pub(crate) const OAUTH_MODULE: &str =
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
/// The option of AWS's jar that names the role to assume.
pub const ROLE: &str = "awsRoleArn";
/// The key of the handler that provides tokens, for OAUTHBEARER only.
pub(crate) const LOGIN_HANDLER: &str = "sasl.login.callback.handler.class";

/// One login module entry; a client's line must have exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JaasLogin {
    /// The login module's class.
    pub module: String,
    /// Its control flag, in lower case: `required`.
    pub flag: String,
    /// Its options, in the order of the line; each once.
    pub options: Vec<(String, String)>,
}

/// Why Kafka refuses a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It has no entry.
    #[error("it names no login module")]
    Empty,
    /// It has several entries.
    #[error("it holds more than one entry")]
    Several,
    /// An entry does not begin with the name of a class.
    #[error("it does not begin with the name of a login module")]
    Module,
    /// No control flag, or an unknown one.
    #[error("a login module is not followed by `required` or another control flag")]
    Flag,
    /// An option without a value, or what is none: `/` begins a comment, numbers need quotes.
    #[error("an option has no value that Kafka can read: put it into double quotes")]
    Value,
    /// The semicolon is missing, or lies in a comment.
    #[error("it does not end with `;`")]
    Unterminated,
}

impl JaasLogin {
    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        let option = self.options.iter().find(|(own, _)| own == name);
        option.map(|(_, value)| value.as_str())
    }
}

/// Reads a line.
///
/// # Errors
/// When Kafka refuses it.
pub fn read(line: &str) -> Result<JaasLogin, Refused> {
    let units: Vec<u16> = line.encode_utf16().collect();
    let mut tokens = Tokens {
        units: &units,
        at: 0,
    };
    let mut found = None;
    loop {
        let module = match tokens.next() {
            Token::End => break,
            token => token.text(),
        };
        let entry = entry(module, &mut tokens)?;
        if found.replace(entry).is_some() {
            return Err(Refused::Several);
        }
    }
    found.ok_or(Refused::Empty)
}

/// The likely options of a line that Kafka refuses: words with a `=` in them; of several with one name,
/// the last.
pub fn likely_options(line: &str) -> Vec<(String, String)> {
    let mut quote = None;
    let words = line.split(|c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        quote.is_none() && c.is_whitespace()
    });
    let found = words.filter_map(|word| {
        let (name, value) = word.trim_end_matches(';').split_once('=')?;
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let value = value.trim_matches(['"', '\'']);
        (plain && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
    });
    last_of_each(found.collect())
}

/// Of options with one name, the last. A line may have a megabyte of options.
fn last_of_each(mut options: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = HashSet::new();
    options.reverse();
    options.retain(|(name, _)| seen.insert(name.clone()));
    options.reverse();
    options
}

/// Options of a file's line that the spec does not name, and that keep their meaning beside the spec's.
pub fn own_options(wanted: &JaasLogin, found: &str) -> Vec<(String, String)> {
    let found = found.trim_matches(|c| c <= ' ');
    let (module, options) = match read(found) {
        Ok(login) => (login.module, login.options),
        // The line is invalid: take its likely options.
        Err(_) => {
            let module = found.split_whitespace().next().unwrap_or_default();
            (module.to_owned(), likely_options(found))
        }
    };
    let related = [IAM_MODULE, OAUTH_MODULE].contains(&module.as_str());
    let same = module == wanted.module;
    let stays = |name: &str| {
        let jar = name.starts_with("aws") && related;
        (same || jar) && name != ROLE && wanted.option(name).is_none()
    };
    options
        .into_iter()
        .filter(|(name, _)| stays(name))
        .collect()
}

fn entry(module: Option<String>, tokens: &mut Tokens<'_>) -> Result<JaasLogin, Refused> {
    let flag = tokens.next().text().ok_or(Refused::Flag)?.to_uppercase();
    if !["REQUIRED", "REQUISITE", "SUFFICIENT", "OPTIONAL"].contains(&flag.as_str()) {
        return Err(Refused::Flag);
    }
    let mut options: Vec<(String, String)> = Vec::new();
    loop {
        let name = match tokens.next() {
            Token::End => return Err(Refused::Unterminated),
            Token::Char(unit) if unit == u16::from(b';') => break,
            token => token.text(),
        };
        let equals = tokens.next() == Token::Char(u16::from(b'='));
        let value = if equals { tokens.next().text() } else { None };
        let value = value.ok_or(Refused::Value)?;
        // Kafka accepts an option without a name, which is never read.
        let Some(name) = name else { continue };
        options.push((name, value));
    }
    let module = module.filter(|module| !module.is_empty());
    Ok(JaasLogin {
        module: module.ok_or(Refused::Module)?,
        flag: flag.to_ascii_lowercase(),
        options: last_of_each(options),
    })
}

/// `MODULE FLAG NAME="VALUE" …;`, which reads back as the same login. A name that is no word is quoted.
pub fn write(login: &JaasLogin) -> String {
    let mut line = format!("{} {}", login.module, login.flag);
    for (name, value) in &login.options {
        let name = match is_one_word(name) {
            true => name.clone(),
            false => format!("\"{}\"", escape(name)),
        };
        line.push_str(&format!(" {name}=\"{}\"", escape(value)));
    }
    line.push(';');
    line
}

/// Escapes a text for double quotes.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out
}

/// A token of `StreamTokenizer.nextToken`.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// The text is over, or the rest of it is a comment without an end.
    End,
    /// A word, or what stood in quotes.
    Text(String),
    /// A number, which has no text.
    Number,
    /// Any other character.
    Char(u16),
}

impl Token {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::End | Self::Number | Self::Char(_) => None,
        }
    }
}

/// A line's tokens, by the rules of `StreamTokenizer` with Kafka's settings.
struct Tokens<'u> {
    units: &'u [u16],
    at: usize,
}

impl Tokens<'_> {
    fn peek(&self) -> Option<u16> {
        self.units.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u16> {
        let unit = self.peek()?;
        self.at += 1;
        Some(unit)
    }

    fn take_while(&mut self, wanted: impl Fn(u16) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn next(&mut self) -> Token {
        loop {
            self.take_while(|unit| unit <= 0x20);
            let start = self.at;
            let Some(unit) = self.take() else {
                return Token::End;
            };
            match ascii(unit) {
                b'-' | b'.' | b'0'..=b'9' => return self.number(unit),
                b'"' | b'\'' => return Token::Text(self.quoted(unit)),
                b'/' if self.peek() == Some(u16::from(b'*')) => {
                    self.at += 1;
                    self.comment();
                }
                // With a second slash or without, it is a comment to the end of the line; and the
                // character behind it is not looked at.
                b'/' => {
                    self.take();
                    self.take_while(|unit| !ends_line(unit));
                }
                _ if is_word(unit) => {
                    self.take_while(|unit| is_word(unit) || is_number(unit));
                    return Token::Text(String::from_utf16_lossy(&self.units[start..self.at]));
                }
                _ => return Token::Char(unit),
            }
        }
    }

    /// Digits with at most one dot. A minus sign alone is a character.
    fn number(&mut self, first: u16) -> Token {
        if first == u16::from(b'-') {
            if !self
                .peek()
                .is_some_and(|unit| is_number(unit) && ascii(unit) != b'-')
            {
                return Token::Char(first);
            }
        } else {
            self.at -= 1;
        }
        let mut dot = false;
        while let Some(unit) = self.peek() {
            match ascii(unit) {
                b'0'..=b'9' => {}
                b'.' if !dot => dot = true,
                _ => break,
            }
            self.at += 1;
        }
        Token::Number
    }

    /// Up to the quote, or to the end of the line, which stays.
    fn quoted(&mut self, quote: u16) -> String {
        let mut out = Vec::new();
        while let Some(unit) = self.peek() {
            if ends_line(unit) {
                break;
            }
            self.at += 1;
            if unit == quote {
                break;
            }
            out.push(if unit == u16::from(b'\\') {
                self.escaped()
            } else {
                unit
            });
        }
        String::from_utf16_lossy(&out)
    }

    /// What follows a backslash in quotes: a letter, up to three octal digits, or itself.
    fn escaped(&mut self) -> u16 {
        // At the end, Java's -1 becomes a character.
        let Some(unit) = self.take() else {
            return u16::MAX;
        };
        let octal = |unit: u16| matches!(ascii(unit), b'0'..=b'7').then(|| unit - u16::from(b'0'));
        match ascii(unit) {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => 0x0a,
            b'r' => 0x0d,
            b't' => 0x09,
            b'v' => 0x0b,
            first @ b'0'..=b'7' => {
                let mut value = u16::from(first - b'0');
                let most = if first <= b'3' { 2 } else { 1 };
                for _ in 0..most {
                    let Some(digit) = self.peek().and_then(octal) else {
                        break;
                    };
                    value = value << 3 | digit;
                    self.at += 1;
                }
                value
            }
            _ => unit,
        }
    }

    /// Up to `*/`; without one, to the end. A character right after a line's end is not looked at, as
    /// in Java.
    fn comment(&mut self) {
        let mut before = 0;
        loop {
            let mut unit = self.take();
            if unit == Some(u16::from(b'/')) && before == u16::from(b'*') {
                return;
            }
            if unit == Some(u16::from(b'\r')) {
                unit = self.take();
                if unit == Some(u16::from(b'\n')) {
                    unit = self.take();
                }
            } else if unit == Some(u16::from(b'\n')) {
                unit = self.take();
            }
            match unit {
                Some(unit) => before = unit,
                None => return,
            }
        }
    }
}

/// The unit as a byte; 0 for what is no ASCII.
fn ascii(unit: u16) -> u8 {
    u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(0)
}

fn ends_line(unit: u16) -> bool {
    matches!(ascii(unit), b'\n' | b'\r')
}

/// Whether a text is read as a word without quotes.
fn is_one_word(text: &str) -> bool {
    let mut units = text.encode_utf16();
    units.next().is_some_and(is_word) && units.all(|unit| is_word(unit) || is_number(unit))
}

/// What a number may hold, and a word after its first character.
fn is_number(unit: u16) -> bool {
    matches!(ascii(unit), b'0'..=b'9' | b'.' | b'-')
}

/// What a word may begin with (a `-` would be a number).
fn is_word(unit: u16) -> bool {
    let byte = ascii(unit);
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') || unit >= 0xa0
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::111122223333:role/R";

    #[test]
    fn an_arn_without_quotes_is_refused() {
        for (line, why) in [
            (format!("a.M required awsRoleArn={ARN};"), Refused::Value),
            (format!("a.M required awsRoleArn={ARN}"), Refused::Value),
            ("a.M required awsRole=team/R;".into(), Refused::Unterminated),
            ("a.M required awsMaxRetries=3;".into(), Refused::Value),
            ("a.M required x=\"y\"".into(), Refused::Unterminated),
            ("a.M x=\"y\";".into(), Refused::Flag),
            ("a.M required; b.M required;".into(), Refused::Several),
            ("; required;".into(), Refused::Module),
            ("# nothing".into(), Refused::Flag),
            (" // nothing".into(), Refused::Empty),
        ] {
            assert_eq!(read(&line), Err(why), "{line}");
        }
    }

    #[test]
    fn what_was_meant_by_a_line_that_is_refused() {
        let line = format!("a.M required awsRoleArn={ARN} awsMaxRetries=3 awsProfileName='a b';");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted = [
            pair("awsRoleArn", ARN),
            pair("awsMaxRetries", "3"),
            pair("awsProfileName", "a b"),
        ];
        assert_eq!(likely_options(&line), wanted);
        assert_eq!(likely_options("= ;= x= é=y \""), []);
        assert_eq!(
            likely_options("a=1 b=2 a=3"),
            [pair("b", "2"), pair("a", "3")]
        );
    }

    #[test]
    fn blanks_comments_and_quotes_are_ignored() {
        let wanted = JaasLogin {
            module: "a.b.M".into(),
            flag: "required".into(),
            options: vec![("awsRoleArn".into(), ARN.into())],
        };
        for line in [
            format!("a.b.M required awsRoleArn=\"{ARN}\";"),
            format!("  a.b.M\tRequired awsRoleArn = '{ARN}' ; // the loader's"),
            format!("a.b.M /* a */ REQUIRED awsRoleArn=\"x\" awsRoleArn=\"{ARN}\"; /"),
            write(&wanted),
        ] {
            assert_eq!(read(&line).as_ref(), Ok(&wanted), "{line}");
        }
    }

    #[test]
    fn names_that_are_no_words_are_written_so_that_kafka_reads_them() {
        let options = ["a b", "", "-", "1", "a/b", "a=b;", "\"", "é-1.$_", "x\ny"];
        let wanted = JaasLogin {
            module: "a.M".into(),
            flag: "required".into(),
            options: options.map(|name| (name.into(), "v".into())).into(),
        };
        let line = write(&wanted);
        assert_eq!(read(&line).as_ref(), Ok(&wanted), "{line}");
        assert!(line.contains(" é-1.$_=\"v\" "), "{line}");
    }
}
