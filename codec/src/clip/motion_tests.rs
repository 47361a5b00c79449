//! Streams of motion, there and back and by the spec.

use super::by_the_spec;
use super::movement::{Movement, Pattern, Side};
use super::track::{Expected, Origin, Track};

/// Movement with all that there can be, and something of a rule in it.
fn movement(width: u32, height: u32, between: bool, salt: i32) -> Movement {
    let mut movement = Movement::still(width, height, between);
    for (x, y) in movement.places() {
        let n = (x as i32 * 7 + y as i32 * 31 + salt) % 23;
        let vector = |n: i32| {
            [
                (n % 9 - 4) as i16,
                if n % 11 == 0 { 8191 } else { -n as i16 },
            ]
        };
        let side = match (between, n % 5) {
            (false, _) | (_, 0) => Side::Before,
            (_, 1 | 2) => Side::After,
            _ => Side::Both,
        };
        let mut pattern = Pattern::whole(side, [vector(n), vector(n / 2 + 3)]);
        if n % 3 == 0 {
            pattern.vectors[n as usize % 2][3] = [-8191, n as i16];
        }
        movement.set_block(x, y, &pattern);
    }
    movement
}

#[test]
fn motion_comes_back_and_stillness_costs_nothing() {
    let size = [200, 90];
    for between in [false, true] {
        let still = Movement::still(size[0], size[1], between);
        assert!(still.encode(size, None).is_empty());
        assert_eq!(still.size(), [13, 6]);
        let before = Track {
            number: 3,
            origin: Some(Origin {
                movement: movement(size[0], size[1], between, 5),
                sources: [0, 8],
            }),
        };
        let after = Track {
            number: 8,
            origin: None,
        };
        let after = between.then_some(&after);
        let expected = Expected::new(5, &before, after, size);
        for expected in [None, expected.as_ref()] {
            let movement = movement(size[0], size[1], between, 0);
            let stream = movement.encode(size, expected);
            let back = Movement::decode(&stream, size, between, expected).unwrap();
            assert_eq!(back, movement);
            let short = &stream[..stream.len() - 1];
            assert!(Movement::decode(short, size, between, expected).is_err());
        }
    }
}

/// As the decoder by the spec has it.
fn by_parts(movement: &Movement) -> by_the_spec::Motion {
    let [columns, rows] = movement.size();
    let parts = |way: usize| {
        let places = (0..2 * rows).flat_map(|y| (0..2 * columns).map(move |x| (x, y)));
        let motion = movement.ways.get(way);
        let at = |(x, y): (usize, usize)| motion.map_or([0; 2], |m| m.at(x as isize, y as isize));
        places.map(|place| at(place).map(i64::from)).collect()
    };
    let side = |(x, y): (usize, usize)| movement.side(x as isize, y as isize) as u8;
    by_the_spec::Motion {
        sides: movement.places().map(side).collect(),
        vectors: [parts(0), parts(1)],
    }
}

/// Numbers of a frame, of those that it is made from, and of those that these are made from.
type Case = (u64, [u64; 2], [Option<[u64; 2]>; 2]);

#[test]
fn the_spec_says_what_is_decoded() {
    let size = [200, 90];
    let cases: [Case; 6] = [
        (4, [0, 0], [None, None]),
        (8, [4, 4], [Some([0, 0]), None]),
        (2, [0, 4], [None, Some([0, 0])]),
        (3, [2, 4], [Some([0, 4]), Some([0, 0])]),
        (9, [8, 12], [Some([3, 3]), None]),
        (5, [4, 6], [Some([0, 8]), Some([4, 8])]),
    ];
    for (salt, (now, sources, pasts)) in (0..).zip(cases) {
        let between = sources[0] != sources[1];
        let known = |i: usize| {
            let origin = pasts[i].map(|sources| Origin {
                movement: movement(size[0], size[1], sources[0] != sources[1], salt),
                sources,
            });
            let track = Track {
                number: sources[i],
                origin,
            };
            let motion = track.origin.as_ref().map(|origin| {
                let ways = origin.movement.ways.len();
                let numbers = origin.sources.iter().take(ways).map(|&n| n as i64);
                (by_parts(&origin.movement), numbers.collect())
            });
            let number = track.number as i64;
            (track, by_the_spec::Known { number, motion })
        };
        let (before, after) = (known(0), known(1));
        let after = between.then_some(after);
        let expected = Expected::new(now, &before.0, after.as_ref().map(|a| &a.0), size);
        let theirs = after.as_ref().map(|a| &a.1);
        let theirs = by_the_spec::expected(now as i64, &before.1, theirs, [26, 12]);
        assert_eq!(theirs.is_some(), expected.is_some());

        // Some of it goes on as before.
        let mut movement = movement(size[0], size[1], between, 3 * salt);
        if let Some(expected) = &expected {
            for (x, y) in movement.places().filter(|(x, y)| (x / 3 + y) % 2 == 0) {
                movement.set_block(x, y, &expected.block(x, y));
            }
        }
        let stream = movement.encode(size, expected.as_ref());
        let back = Movement::decode(&stream, size, between, expected.as_ref()).unwrap();
        let ours = by_parts(&back);
        let theirs = by_the_spec::motion(&stream, [13, 6], between, theirs.as_deref());
        assert_eq!(ours.sides, theirs.sides, "case {salt}");
        assert_eq!(ours.vectors, theirs.vectors, "case {salt}");
    }
}

#[test]
fn what_goes_on_as_before_costs_little() {
    let size = [416, 240];
    let mut origin = Movement::still(size[0], size[1], false);
    for (x, y) in origin.places() {
        origin.set_block(x, y, &Pattern::whole(Side::Before, [[x as i16 * 3, -7]; 2]));
    }
    let before = Track {
        number: 4,
        origin: Some(Origin {
            movement: origin,
            sources: [0, 0],
        }),
    };
    let expected = Expected::new(8, &before, None, size).unwrap();
    let mut now = Movement::still(size[0], size[1], false);
    for (x, y) in now.places() {
        now.set_block(x, y, &expected.block(x, y));
    }
    // 390 blocks.
    assert!(now.encode(size, Some(&expected)).len() < 10);
    assert!(now.encode(size, None).len() > 100);
}

#[test]
fn any_bytes_are_motion_or_an_error() {
    let size = [100, 60];
    for seed in 0..200u32 {
        let byte = |i: u32| (seed.wrapping_mul(2_654_435_761).wrapping_mul(i + 1) >> 13) as u8;
        let stream: Vec<u8> = (0..40).map(byte).collect();
        for between in [false, true] {
            if let Ok(movement) = Movement::decode(&stream, size, between, None) {
                assert_eq!(movement.size(), [7, 4]);
            }
        }
    }
}
