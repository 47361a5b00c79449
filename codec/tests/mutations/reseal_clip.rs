//! Checksums of a clip that was changed; the fuzz target `clip` has this file, too.

use lic_codec::ClipHeader;
use lic_codec::clip::FrameKind;

/// The varint at `at`, and the place after it.
fn varint(file: &[u8], at: usize) -> Option<(usize, usize)> {
    let length = file.get(at..)?.iter().position(|byte| byte & 0x80 == 0)?;
    let end = Some(at + length + 1).filter(|end| end - at <= 5)?;
    let bytes = file[at..end].iter().rev();
    let value = bytes.fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    Some((value, end))
}

/// Puts right the checksums of frames, as far as they are there.
pub fn reseal(file: &mut [u8]) {
    let mut rest = &file[..];
    let Ok(header) = ClipHeader::read(&mut rest) else {
        return;
    };
    let tiles = header.grid().count().min(1 << 10) as usize;
    let mut at = file.len() - rest.len();
    loop {
        let Some(&kind) = file.get(at) else { return };
        let mut lengths = Vec::new();
        // The kind, the quality, and the frames between two, which these do not have.
        let mut next = at + 2 + usize::from(kind != FrameKind::Between.byte());
        let motion = usize::from(kind != FrameKind::Intra.byte());
        for _ in 0..tiles + motion {
            let Some((length, after)) = varint(file, next) else {
                return;
            };
            lengths.push(length);
            next = after;
        }
        let end = next + lengths.iter().sum::<usize>();
        if end + 4 > file.len() || !FrameKind::ALL.iter().any(|k| k.byte() == kind) {
            return;
        }
        let sum = crc32c::crc32c(&file[at..end]);
        file[end..end + 4].copy_from_slice(&sum.to_le_bytes());
        at = end + 4;
    }
}
