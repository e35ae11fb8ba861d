//! The one question: a prepared statement, so that the pattern is a value and never SQL.

use std::{sync::Arc, time::Duration};

use mysql_common::{
    constants::ColumnType,
    io::ParseBuf,
    packets::{Column, ComStmtExecuteRequestBuilder, StmtPacket},
    proto::{Binary, MySerialize as _},
    row::RowDeserializer,
    value::{ServerSide, Value},
};
use tokio::time::Instant;

use super::{
    Error, MOST_TABLES, Server, Stage, login,
    packets::{PacketError, Packets},
    symptom,
};
use crate::transport::dial::Dial;

/// Tables with a history are what MariaDB calls `SYSTEM VERSIONED`; views, sequences and the
/// server's own tables are none of ours. One more than the most tells that there are more.
const QUESTION: &str = "SELECT table_name FROM information_schema.tables \
     WHERE table_schema = DATABASE() AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') \
     AND table_name LIKE ? LIMIT 10001";

const COM_STMT_PREPARE: u8 = 0x16;

/// The names of a database's tables that are LIKE a pattern, views left out, in the order of their
/// bytes; one more than [`MOST_TABLES`] stand for any greater number. One
/// connection, one question. `via` is how the machine that dials is called; `deadline` holds for the
/// dial with its login, and for the question.
///
/// # Errors
/// When the server cannot be reached or does not answer.
pub async fn tables(
    dial: &dyn Dial,
    via: &str,
    server: &Server,
    like: Option<&str>,
    deadline: Duration,
) -> Result<Vec<String>, Error> {
    let context = symptom::ErrorContext {
        server,
        via,
        deadline,
    };
    let mut packets = login::open(dial, context, Instant::now() + deadline).await?;
    let until = Instant::now() + deadline;
    let found = names(&mut packets, like.unwrap_or("%"), until).await;
    let mut tables = found.map_err(|error| context.packet(Stage::Query, error))?;
    packets
        .quit(until.min(Instant::now() + Duration::from_secs(1)))
        .await;
    tables.sort();
    Ok(tables)
}

/// Names of tables, in the server's order.
async fn names(
    packets: &mut Packets,
    like: &str,
    until: Instant,
) -> Result<Vec<String>, PacketError> {
    const ODD: PacketError =
        PacketError::Odd("an answer that MySQL does not give to this question");
    let mut prepare = vec![COM_STMT_PREPARE];
    prepare.extend(QUESTION.as_bytes());
    packets.command(&prepare, until).await?;
    let answer = packets.read(until).await?;
    let statement: StmtPacket = ParseBuf(&answer).parse(()).map_err(|_| ODD)?;
    if (statement.num_params(), statement.num_columns()) != (1, 1) {
        return Err(ODD);
    }
    // What the parameter is like, and what the column is; each with an end.
    for _ in 0..2 {
        packets.read(until).await?;
        if !is_end(&packets.read(until).await?) {
            return Err(ODD);
        }
    }

    let values = [Value::Bytes(like.as_bytes().to_vec())];
    let (execute, _) = ComStmtExecuteRequestBuilder::new(statement.statement_id()).build(&values);
    let mut bytes = Vec::new();
    execute.serialize(&mut bytes);
    packets.command(&bytes, until).await?;
    if packets.read(until).await? != [1] {
        return Err(ODD);
    }
    let column = packets.read(until).await?;
    let column: Column = ParseBuf(&column).parse(()).map_err(|_| ODD)?;
    // mysql_common 0.38 panics at types that MySQL never sends.
    if !matches!(
        column.column_type(),
        ColumnType::MYSQL_TYPE_VAR_STRING
            | ColumnType::MYSQL_TYPE_VARCHAR
            | ColumnType::MYSQL_TYPE_STRING
            | ColumnType::MYSQL_TYPE_BLOB
            | ColumnType::MYSQL_TYPE_TINY_BLOB
            | ColumnType::MYSQL_TYPE_MEDIUM_BLOB
            | ColumnType::MYSQL_TYPE_LONG_BLOB
    ) {
        return Err(ODD);
    }
    let columns: Arc<[Column]> = Arc::new([column]);
    if !is_end(&packets.read(until).await?) {
        return Err(ODD);
    }
    let mut names = Vec::new();
    loop {
        let packet = packets.read(until).await?;
        if is_end(&packet) {
            return Ok(names);
        }
        if names.len() > MOST_TABLES {
            return Err(ODD);
        }
        let row: RowDeserializer<ServerSide, Binary> = ParseBuf(&packet)
            .parse(Arc::clone(&columns))
            .map_err(|_| ODD)?;
        let name = match row.into_inner().unwrap_raw().as_mut_slice() {
            [Some(Value::Bytes(name))] => std::mem::take(name),
            _ => return Err(ODD),
        };
        names.push(
            String::from_utf8(name).map_err(|_| PacketError::Odd("a table's name is no UTF-8"))?,
        );
    }
}

/// Whether a packet ends definitions or rows.
fn is_end(packet: &[u8]) -> bool {
    packet.first() == Some(&0xfe) && packet.len() < 9
}
