//! Messages for the errors of the reader, with help.

use serde_yaml::{
    DefaultMessageFormatter, Error, MessageFormatter, budget::BudgetBreach,
    granit_parser::ErrorKind,
};

/// The message, and help.
pub fn of(error: &Error, kind: Option<&ErrorKind>) -> (String, String) {
    let known = kind.and_then(of_kind).or_else(|| of_error(error));
    let (message, label) = match known {
        Some((message, label)) => (message.to_owned(), label),
        None => {
            let message = DefaultMessageFormatter.format_message(error).into_owned();
            (
                message,
                "what is before it may be the cause: a quote, a bracket, a colon",
            )
        }
    };
    (message, label.to_owned())
}

fn of_error(error: &Error) -> Option<(&'static str, &'static str)> {
    Some(match error {
        Error::Budget { breach, .. } => of_breach(breach),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            "what `*` stands for goes beyond the limit of a spec",
            "write it out where it is used, or use fewer `*NAME`",
        ),
        Error::RecursiveReferencesRequireWeakTypes { .. } => (
            "a `*NAME` stands inside of what it refers to",
            "write out what is meant",
        ),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => (
            "`<<` lays maps under this one, and this is none",
            "write `<<: *NAME`, with `&NAME` at a map",
        ),
        Error::Message { msg, .. } if msg == super::NO_KEY => {
            (super::NO_KEY, "write the key, or take the colon out")
        }
        Error::Message { msg, .. } if msg == super::KEY_IS_NO_WORD => (
            super::KEY_IS_NO_WORD,
            "a text that begins with `[`, `{` or `?` needs quotes",
        ),
        Error::InvalidBinaryBase64 { .. } | Error::BinaryNotUtf8 { .. } => {
            ("`!!binary` is no text", "write the text itself")
        }
        _ => return None,
    })
}

fn of_breach(breach: &BudgetBreach) -> (&'static str, &'static str) {
    match breach {
        BudgetBreach::Depth { .. } => (
            "maps and lists are nested beyond the limit of a spec",
            "a spec itself needs seven levels: is a bracket or a blank too many?",
        ),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => (
            "`&`, `*` and `<<` go beyond the limit of a spec",
            "write out what is meant, or split the spec",
        ),
        _ => (
            "there is more in it than the limit of a spec",
            "split it into several; or is this the wrong file?",
        ),
    }
}

fn of_kind(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    const BLANKS: &str = "write blanks instead";
    const LIST: &str = "write `- ` and the entry, in a line of its own";
    const TAG: &str = "a spec has no tags: a text with `!` in front needs quotes";
    const DIRECTIVE: &str =
        "a spec has none: take the line out; a text with `%` in front needs quotes";
    const CODE: &str = "write the character itself";
    const BLOCK: &str =
        "write `|` or `>` alone, and the text in the lines below, deeper than the key";
    Some(match kind {
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping => (
            "the text ends too early",
            "is the file whole? a bracket or a quote may be open",
        ),
        ErrorKind::DuplicateVersionDirective
        | ErrorKind::UnsupportedYamlMajorVersion
        | ErrorKind::DuplicateTagDirective
        | ErrorKind::MissingDocumentEndBeforeDirective
        | ErrorKind::InvalidDirectiveTerminator
        | ErrorKind::DirectiveDisallowed
        | ErrorKind::MissingYamlVersionSeparator
        | ErrorKind::MissingDirectiveName
        | ErrorKind::InvalidDirectiveName
        | ErrorKind::DirectiveByteLimitExceeded { .. }
        | ErrorKind::TooManyReservedDirectiveParams { .. }
        | ErrorKind::YamlVersionTooLong
        | ErrorKind::MissingYamlVersion
        | ErrorKind::InvalidTagDirectiveTerminator => ("`%` begins a directive of YAML", DIRECTIVE),
        ErrorKind::ExpectedDocumentStart => (
            "the text goes on where the first value has ended",
            "a spec is one map: each line begins with a key and a colon, as `version: 1`",
        ),
        ErrorKind::ExpectedBlockMappingKey => (
            "this is no key",
            "write `KEY: VALUE`, in the column of the keys above",
        ),
        ErrorKind::ExpectedNodeContent => (
            "a value is missing before this",
            "write it, in quotes if need be",
        ),
        ErrorKind::ExpectedFlowMappingSeparator => (
            "neither `,` nor `}` follows",
            "between `{ }` are `KEY: VALUE`, parted by commas; a text with brackets needs quotes",
        ),
        ErrorKind::ExpectedFlowSequenceSeparator => (
            "neither `,` nor `]` follows",
            "between `[ ]` are values, parted by commas; a text with brackets needs quotes",
        ),
        ErrorKind::ExpectedBlockSequenceEntry => ("this is no entry of the list above", LIST),
        ErrorKind::BlockEntryInFlowCollection => (
            "`-` begins no entry between brackets",
            "part entries by commas there, without `-`",
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => ("a list cannot begin here", LIST),
        ErrorKind::InvalidBlockEntryWhitespace => ("a tab follows the `-`", BLANKS),
        ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            ("`-` begins no text here", "put the text in quotes")
        }
        ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang
        | ErrorKind::ExpectedTagDirectiveBang
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape
        | ErrorKind::InvalidTagUtf8LeadingByte
        | ErrorKind::InvalidTagUtf8TrailingByte
        | ErrorKind::InvalidTagUtf8 => ("`!` begins a tag", TAG),
        ErrorKind::MissingAnchorOrAliasName => (
            "a name is missing behind `&` or `*`",
            "a text that begins with one of them needs quotes",
        ),
        ErrorKind::UnknownAnchor => (
            "nothing has this name",
            "it is given by `&NAME`, before it is used",
        ),
        ErrorKind::SimpleKeyExpected => ("a colon is missing behind the key", "write `KEY: VALUE`"),
        ErrorKind::InvalidSimpleKey => (
            "a key has to stand in one line, with its colon",
            "join the lines, or close the quote or the bracket before it",
        ),
        ErrorKind::InvalidDocumentEnd => ("text follows `...`", "take the `...` out, or the text"),
        ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::InvalidBlockScalarIndent => (
            "this line is not as deep as what it belongs to",
            "give it more blanks; or close what is open above",
        ),
        ErrorKind::BomInsideDocument => {
            ("a byte order mark stands inside of the text", "take it out")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::InvalidMappingValueWhitespace => ("a tab cannot stand here", BLANKS),
        ErrorKind::TabAtBlockScalarStart => ("a tab begins the text of a block", BLANKS),
        ErrorKind::CommentInterceptedScalar => (
            "a comment stands inside of a text",
            "put it before the text, or behind it",
        ),
        ErrorKind::ExpectedWhitespace => ("a blank is missing", "write one"),
        ErrorKind::CommentNotSeparated => (
            "`#` follows without a blank",
            "write a blank before a comment; a text with `#` needs quotes around it",
        ),
        ErrorKind::RecursionLimitExceeded => (
            "maps and lists are nested too deep",
            "is a bracket open that was meant to be closed?",
        ),
        ErrorKind::ZeroBlockScalarIndent | ErrorKind::InvalidBlockScalarHeader => (
            "`|` and `>` begin a block of text, and something follows",
            BLOCK,
        ),
        ErrorKind::DocumentIndicatorInQuotedScalar => (
            "a quote is still open where `---` or `...` stands",
            "close it before",
        ),
        ErrorKind::UnclosedQuotedScalar => ("the quote that opens here is not closed", "close it"),
        ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => ("an escape in these quotes is no character", CODE),
        ErrorKind::UnexpectedEndOfPlainScalar => {
            ("a text ends before it begins", "put it in quotes")
        }
        ErrorKind::MappingKeyNotAllowed => ("a key cannot begin here", "begin a new line with it"),
        ErrorKind::FlowMappingValueAdjacentCollection => {
            ("a blank is missing behind the colon", "write one")
        }
        ErrorKind::InvalidColonPlacement => (
            "a colon stands where none can be",
            "put the text in quotes if the colon is part of it",
        ),
        ErrorKind::MappingValueNotAllowed => (
            "a key and its colon cannot stand here",
            "begin a new line with the key, or put the text in quotes",
        ),
        _ => return None,
    })
}
