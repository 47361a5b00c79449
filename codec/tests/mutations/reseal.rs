//! Checksums put right after a change, so that the change gets past them: the one
//! place outside of the crate that knows how a file is laid out. The fuzz targets
//! share it.

/// Where the checksum of the header is, and the lengths of the streams after it;
/// nothing if `file` ends before.
fn header_checksum(file: &[u8]) -> Option<(usize, Vec<u64>)> {
    // Magic, version, model, digest, kinds and quality.
    let (_, model) = varint(file, 5)?;
    let kinds = *file.get(model + 4)?;
    let (width, at) = varint(file, model + 6)?;
    let (height, mut at) = varint(file, at)?;
    let mut tile = [u64::MAX; 2];
    if kinds & 0x40 != 0 {
        for side in &mut tile {
            let (units, next) = varint(file, at)?;
            (*side, at) = (units.max(1) * 64, next);
        }
    }
    let (sections, mut at) = varint(file, at)?;
    let mut streams = 0;
    if kinds & 0x20 != 0 {
        streams = u64::from(*file.get(at)?);
        at += 1 + streams as usize;
    }
    let tiles = width.div_ceil(tile[0]) * height.div_ceil(tile[1]);
    let alpha = u64::from(kinds >> 2 & 1);
    streams += tiles.checked_mul(sections + alpha)?;
    let mut lengths = Vec::new();
    // No more than the file has bytes.
    for _ in 0..streams {
        let (length, next) = varint(file, at)?;
        lengths.push(length);
        at = next;
    }
    (at + 4 <= file.len()).then_some((at, lengths))
}

/// The varint of at most five bytes at `at`, and the place after it.
fn varint(file: &[u8], at: usize) -> Option<(u64, usize)> {
    let length = file.get(at..)?.iter().position(|byte| byte & 0x80 == 0)?;
    let end = Some(at + length + 1).filter(|end| end - at <= 5)?;
    let bytes = file[at..end].iter().rev();
    let value = bytes.fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
    Some((value, end))
}

fn put_sum(file: &mut [u8], at: usize, sum: u32) {
    file[at..at + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Puts right what checksums `file` has: that of the header, and those of all
/// streams that are there as long as they say.
pub fn reseal(file: &mut [u8]) {
    let Some((at, lengths)) = header_checksum(file) else {
        return;
    };
    let sum = crc32c::crc32c(&file[..at]);
    put_sum(file, at, sum);
    let mut at = at + 4;
    for length in lengths.into_iter().filter(|&length| length > 0) {
        let payload = at + 4;
        let end = payload.saturating_add(length as usize);
        let Some(bytes) = file.get(payload..end) else {
            return;
        };
        let sum = crc32c::crc32c(bytes);
        put_sum(file, at, sum);
        at = end;
    }
}
