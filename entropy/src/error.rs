//! Errors, by who is at fault: whoever built the table, called the encoder, or
//! wrote the stream.

/// Why a set of tables was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// More tables than an index can name.
    #[error("{found} tables, the limit is {limit}")]
    TooManyTables {
        /// How many there are.
        found: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The tables of a set have too many slots between them.
    #[error("the tables have more than {limit} slots between them")]
    TooManySlots {
        /// How many there may be.
        limit: usize,
    },
    /// A table needs one symbol and the escape slot at least, and can have no
    /// more slots than the total mass allows.
    #[error("table {table} has {found} slots, it must have 2 to {limit}")]
    SlotCount {
        /// Which table.
        table: usize,
        /// Slots it has, the escape slot among them.
        found: usize,
        /// The most it may have.
        limit: usize,
    },
    /// A slot that no stream could ever name.
    #[error("table {table} has no mass in slot {slot}")]
    ZeroMass {
        /// Which table.
        table: usize,
        /// Which slot, counted from 0.
        slot: usize,
    },
    /// The masses do not add up.
    #[error("the masses of table {table} add up to {found}, not to {expected}")]
    WrongTotal {
        /// Which table.
        table: usize,
        /// What they add up to.
        found: u64,
        /// What they have to add up to.
        expected: u64,
    },
    /// The largest symbol is not an `i32`.
    #[error("table {table} starts at {min} and has {symbols} symbols: the last is beyond i32")]
    SymbolRange {
        /// Which table.
        table: usize,
        /// Its smallest symbol.
        min: i32,
        /// How many symbols it has.
        symbols: usize,
    },
}

/// Why the parameters of mixtures were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MixtureError {
    /// None, or more than are meant to be.
    #[error("mixtures of {found} components, they must have 1 to {limit}")]
    Components {
        /// How many.
        found: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A scale that no table is of.
    #[error("tables of scales below {found}, of which there are {limit}")]
    PlainBelow {
        /// What was asked for.
        found: usize,
        /// How many scales there are.
        limit: usize,
    },
    /// Not what each symbol, or pair, needs.
    #[error("{parameters} parameters for {symbols} symbols, {expected} expected")]
    Lengths {
        /// How many symbols.
        symbols: usize,
        /// How many parameters.
        parameters: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Channels that the symbols are not of.
    #[error("{symbols} symbols cannot be of {channels} channels in turn")]
    Channels {
        /// How many channels.
        channels: usize,
        /// How many symbols.
        symbols: usize,
    },
    /// Not one shift a channel.
    #[error("{found} shifts of scales for {channels} channels")]
    Shifts {
        /// How many.
        found: usize,
        /// How many channels there are.
        channels: usize,
    },
    /// A scale or a parameter out of range.
    #[error("a scale or parameter is {found}, the greatest is 63")]
    Parameter {
        /// Its value.
        found: u8,
    },
}

/// What the caller of an encoder did wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Not one table index a symbol.
    #[error("{indices} table indices for {symbols} symbols")]
    Lengths {
        /// How many indices.
        indices: usize,
        /// How many symbols.
        symbols: usize,
    },
    /// A table index beyond the set.
    #[error("symbol {position} names table {index} of {tables}")]
    NoSuchTable {
        /// Place of the symbol in the call, from 0.
        position: usize,
        /// The index.
        index: u16,
        /// How many tables there are.
        tables: usize,
    },
}

/// Why a stream could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The caller named a table beyond the set.
    #[error("symbol {position} names table {index} of {tables}")]
    NoSuchTable {
        /// Place of the symbol in the call, from 0.
        position: usize,
        /// The index.
        index: u16,
        /// How many tables there are.
        tables: usize,
    },
    /// A stream in halves does not begin with the length of its first.
    #[error("the stream does not begin with the length of its first half")]
    Halves,
    /// The last byte of an ANS stream is never zero.
    #[error("the ANS stream ends in a zero byte")]
    TrailingZero,
    /// No encoder leaves the range coder's state here.
    #[error("the stream leaves the range coder's interval")]
    OutsideInterval,
    /// An escaped symbol beyond `i32`.
    #[error("an escaped symbol is beyond the range of i32")]
    EscapeRange,
    /// All symbols are decoded and the stream is not where its encoder ended:
    /// it was cut, went on, or was coded with other tables.
    #[error("the stream does not end with its last symbol")]
    NotUsedUp,
}

impl EncodeError {
    /// The same where symbols have `before` others before them.
    pub(crate) fn shifted(mut self, before: usize) -> Self {
        if let Self::NoSuchTable { position, .. } = &mut self {
            *position += before;
        }
        self
    }
}

impl DecodeError {
    /// The same where symbols have `before` others before them.
    pub(crate) fn shifted(mut self, before: usize) -> Self {
        if let Self::NoSuchTable { position, .. } = &mut self {
            *position += before;
        }
        self
    }
}

/// A number that names no [`Coder`](crate::Coder).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("coder {0} is not known, the largest known is 1")]
pub struct UnknownCoder(pub u8);
