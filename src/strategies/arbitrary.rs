//! The same for fuzzers: their bytes are the sequence of choices.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::source::Source;
use super::{
    Bindable, Meeting, random_bindable, random_deep_document, random_deep_filter, random_document, random_filter,
    random_meeting,
};
use crate::schema::Schema;

/// How many groups there are around a condition, and containers around a value, at most.
const DEEPEST: usize = 110;

/// Makes something of all bytes that are left, four to a choice.
fn made<T>(bytes: &mut Unstructured<'_>, make: impl FnOnce(&mut Source<'_>) -> T) -> Result<T> {
    let bytes = bytes.bytes(bytes.len())?;
    let choices: Vec<u32> = bytes
        .chunks(4)
        .map(|chunk| chunk.iter().fold(0_u32, |choice, byte| choice << 8 | u32::from(*byte)) << (8 * (4 - chunk.len())))
        .collect();
    Ok(make(&mut Source::new(&choices)))
}

impl<'a> Arbitrary<'a> for Meeting {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Meeting> {
        made(bytes, |source| {
            let most = 1 + source.below(4);
            let (filter, document) = match source.weighted(&[8, 8, 1, 1]) {
                0 => return random_meeting(source, most, false),
                1 => return random_meeting(source, most, true),
                2 => (random_filter(source), random_document(source)),
                _ => (random_deep_filter(source, DEEPEST), random_deep_document(source, DEEPEST)),
            };
            Meeting { schema: Schema::open(), filter, documents: vec![document] }
        })
    }
}

impl<'a> Arbitrary<'a> for Bindable {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Bindable> {
        made(bytes, random_bindable)
    }
}
