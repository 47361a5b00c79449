//! The order of frames in a file: an anchor, which is intra or predicted from the anchor
//! before, and then those that lie between the two, each in the middle of what is left.

use crate::error::{DecodeError, FormatErrorKind};

/// The most frames between two anchors.
pub const MOST_BETWEEN: u8 = 15;

/// Where a frame stands among those that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number.
    pub number: u64,
    /// The number of the frame that comes before it and is known; `None` for a first one.
    pub before: Option<u64>,
    /// The number of the one that comes after it and is known.
    pub after: Option<u64>,
    /// How many times what lies between two anchors was halved; 0 for an anchor.
    pub depth: u32,
}

impl Place {
    /// Of a frame that none is known before.
    pub fn first(number: u64) -> Self {
        Self {
            number,
            before: None,
            after: None,
            depth: 0,
        }
    }
}

/// The places of the frames between `before` and `after`, in the order of the file.
pub(super) fn between(before: u64, after: u64) -> Vec<Place> {
    let mut places = Vec::new();
    let mut open = vec![(before, after, 1)];
    while let Some((before, after, depth)) = open.pop() {
        if after - before < 2 {
            continue;
        }
        let number = before.midpoint(after);
        places.push(Place {
            number,
            before: Some(before),
            after: Some(after),
            depth,
        });
        open.push((number, after, depth + 1));
        open.push((before, number, depth + 1));
    }
    places
}

/// Goes through the frames of a file.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The number of the last anchor.
    anchor: Option<u64>,
    /// The frames that have to follow, the next one last.
    open: Vec<Place>,
}

impl Order {
    /// The next frame is an anchor with `gap` frames before it that follow.
    pub fn anchor(&mut self, gap: u8) -> Result<Place, DecodeError> {
        if !self.open.is_empty() {
            return Err(self.wrong());
        }
        let before = self.anchor;
        let number = match before {
            None if gap > 0 => return Err(FormatErrorKind::NoReference { number: 0 }.into()),
            None => 0,
            Some(before) => {
                let number = before.saturating_add(1 + u64::from(gap));
                self.open = between(before, number);
                self.open.reverse();
                number
            }
        };
        self.anchor = Some(number);
        Ok(Place {
            number,
            before,
            after: None,
            depth: 0,
        })
    }

    /// The next frame lies between others.
    pub fn between(&mut self) -> Result<Place, DecodeError> {
        self.open.pop().ok_or_else(|| self.wrong())
    }

    /// The clip ends here.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.open.is_empty() {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    /// Goes on with the frames after the anchor `number`, whose own have all been passed
    /// over.
    pub fn after(number: u64) -> Self {
        Self {
            anchor: Some(number),
            open: Vec::new(),
        }
    }

    /// Whether a frame is still needed to decode another one.
    pub fn needs(&self, number: u64) -> bool {
        let open = self.open.iter();
        self.anchor == Some(number)
            || open
                .flat_map(|place| [place.before, place.after])
                .any(|needed| needed == Some(number))
    }

    fn wrong(&self) -> DecodeError {
        let number = match self.open.last() {
            Some(place) => place.number,
            None => self.anchor.map_or(0, |anchor| anchor + 1),
        };
        FormatErrorKind::Order { number }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_between_has_its_turn_and_what_it_needs() {
        for gap in 0..=MOST_BETWEEN {
            let mut order = Order::default();
            assert_eq!(order.anchor(0).unwrap().number, 0);
            let anchor = order.anchor(gap).unwrap();
            let mut known = vec![0, anchor.number];
            assert_eq!(anchor.number, u64::from(gap) + 1);
            for _ in 0..gap {
                assert!(order.end().is_err());
                let place = order.between().unwrap();
                assert!(known.contains(&place.before.unwrap()));
                assert!(known.contains(&place.after.unwrap()));
                assert!(!known.contains(&place.number));
                known.push(place.number);
            }
            order.end().unwrap();
            assert!(order.between().is_err());
            assert!(
                known
                    .iter()
                    .all(|n| order.needs(*n) == (*n == anchor.number))
            );
        }
    }

    #[test]
    fn a_first_frame_has_none_before_it() {
        assert!(Order::default().anchor(1).is_err());
        assert!(Order::default().between().is_err());
        let mut order = Order::default();
        order.anchor(0).unwrap();
        order.anchor(3).unwrap();
        assert!(order.anchor(0).is_err());
    }
}
