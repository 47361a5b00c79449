/// The activations that a product reads: `count` rows, each the concatenation of
/// equally long segments.
///
/// Row `r` is `data[s + r·stride ..][..length]` for each `s` of `segments`, in
/// order. A 1x1 convolution over positions with their channels last is one
/// segment; a 3x3 convolution over a grid with a border of zeros is three
/// segments of three positions each, since neighbours in a row lie together, and
/// its rows overlap.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a, T> {
    /// Activations.
    pub data: &'a [T],
    /// Where the segments of row 0 begin.
    pub segments: &'a [usize],
    /// Activations in a segment.
    pub length: usize,
    /// From a row to the next.
    pub stride: usize,
    /// Rows.
    pub count: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Rows that lie together: `[count][length]`.
    ///
    /// # Panics
    ///
    /// If `length` is zero or does not divide `data`.
    pub fn dense(data: &'a [T], length: usize) -> Self {
        assert!(data.len().is_multiple_of(length), "rows are cut");
        Self {
            data,
            segments: &[0],
            length,
            stride: length,
            count: data.len() / length,
        }
    }

    /// Inputs of the product.
    pub fn inputs(&self) -> usize {
        self.segments.len() * self.length
    }

    /// Panics if the rows do not fit a product of `inputs` by `outputs` whose output
    /// has `room` numbers, `stride` from a row to the next: what unsafe code relies on.
    pub(crate) fn check(&self, inputs: usize, group: usize, outputs: usize, room: [usize; 2]) {
        let [room, stride] = room;
        assert_eq!(self.inputs(), inputs, "inputs of the product");
        assert!(self.length.is_multiple_of(group), "cut groups");
        assert!(stride >= outputs, "output rows overlap");
        let Some(last) = self.count.checked_sub(1) else {
            return;
        };
        assert!(last * stride + outputs <= room, "output");
        let longest = last.checked_mul(self.stride);
        for &segment in self.segments {
            let end = longest
                .and_then(|n| n.checked_add(segment))
                .and_then(|n| n.checked_add(self.length));
            assert!(
                end.is_some_and(|end| end <= self.data.len()),
                "segment {segment} of row {last} reaches out of {} activations",
                self.data.len()
            );
        }
    }
}

/// Cuts `count` rows into blocks of at most `most`, as even as can be: their first
/// rows and sizes.
pub(crate) fn blocks(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = count.div_ceil(most);
    (0..blocks).map(move |i| {
        let first = i * count / blocks;
        (first, (i + 1) * count / blocks - first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_all_rows_in_order() {
        for count in 0..60 {
            let mut next = 0;
            for (first, size) in blocks(count, 12) {
                assert_eq!(first, next);
                assert!((1..=12).contains(&size));
                next += size;
            }
            assert_eq!(next, count);
        }
    }

    #[test]
    #[should_panic(expected = "segment 3 of row 1 reaches out of 8 activations")]
    fn a_row_out_of_the_data_is_refused() {
        let rows = Rows {
            data: &[0.0f32; 8],
            segments: &[0, 3],
            length: 3,
            stride: 3,
            count: 2,
        };
        rows.check(6, 1, 1, [2, 1]);
    }
}
