use dutyledger_record::leaf_hash_of_bytes;
use proptest::prelude::*;

use super::*;
use crate::tree::{
    consistency_plan, inclusion_plan, root_plan, verify_consistency, verify_inclusion,
};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash_of_bytes(&n.to_be_bytes()))
        .collect()
}

/// Every tile of a tree, level by level, made as a ledger makes them.
fn tiles(leaves: &[Hash]) -> Vec<(Tile, Vec<Hash>)> {
    let (mut all, mut level, mut hashes) = (Vec::new(), 0, leaves.to_vec());
    while !hashes.is_empty() {
        let mut above = Vec::new();
        for (index, part) in hashes.chunks(256).enumerate() {
            let tile = Tile {
                holds: Holds::Hashes(level),
                index: index as u64,
                width: u16::try_from(part.len()).unwrap(),
            };
            all.push((tile, part.to_vec()));
            above.extend(part.as_array().map(hash_of_full));
        }
        (hashes, level) = (above, level + 1);
    }
    all
}

#[test]
fn a_tree_of_70_000_has_the_tiles_the_specification_counts() {
    // C2SP `tlog-tiles`, "Partial Tiles".
    let size = 70_000;
    let level = |level| {
        let wide = |index| Tile::in_tree(Holds::Hashes(level), index, size).map(|t| t.width);
        let widths: Vec<_> = (0..).map_while(wide).collect();
        let full = widths.iter().filter(|w| **w == 256).count();
        let partial: Vec<_> = widths.into_iter().filter(|w| *w < 256).collect();
        (full, partial)
    };
    assert_eq!(level(0), (273, vec![112]));
    assert_eq!(level(1), (1, vec![17]));
    assert_eq!(level(2), (0, vec![1]));
    assert_eq!(level(3), (0, vec![]));
    // "A tree of size 256 will be represented by a full level 0 tile and a partial level 1 tile of
    // width 1."
    let of_256 = |level| Tile::in_tree(Holds::Hashes(level), 0, 256).map(|t| t.width);
    assert_eq!(
        [of_256(0), of_256(1), of_256(2)],
        [Some(256), Some(1), None]
    );
    assert_eq!(Tile::in_tree(Holds::Entries, 273, size).unwrap().width, 112);
    assert_eq!(Tile::in_tree(Holds::Entries, 274, size), None);
    assert_eq!(Tile::in_tree(Holds::Hashes(8), 0, u64::MAX), None);
}

#[test]
fn a_path_names_one_tile_and_a_tile_has_one_path() {
    let tile = |holds, index, width| Tile {
        holds,
        index,
        width,
    };
    for (path, named) in [
        // The index is the specification's own example.
        (
            "tile/0/x001/x234/067",
            tile(Holds::Hashes(0), 1_234_067, 256),
        ),
        (
            "tile/entries/x001/x234/067.p/8",
            tile(Holds::Entries, 1_234_067, 8),
        ),
        ("tile/0/000", tile(Holds::Hashes(0), 0, 256)),
        ("tile/2/999.p/255", tile(Holds::Hashes(2), 999, 255)),
        ("tile/entries/x001/000", tile(Holds::Entries, 1_000, 256)),
    ] {
        assert_eq!(named.to_string(), path);
        assert_eq!(path.parse(), Ok(named));
    }
    for bad in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/0001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x234/x067",
        "tile/0/x/001",
        "tile/0/-01",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/08",
        "tile/0/001.p/",
        "tile/00/001",
        "tile/8/001",
        "tile/data/001",
        "/tile/0/001",
        "tile/0/../001",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(bad.parse::<Tile>(), Err(TileError::Path), "{bad}");
    }
}

#[test]
fn every_proof_can_be_made_from_the_tiles_it_names_alone() {
    for size in [1, 2, 255, 256, 257, 300, 511, 512, 513, 70_000] {
        let all = leaves(size);
        let tiles = tiles(&all);
        let from_tiles = |plan: &Plan| {
            let named = tiles_of(plan, size);
            plan.complete(|node| {
                let tile = Tile::of_node(node, size).ok_or(TileError::Missing)?;
                assert!(named.contains(&tile), "{tile} is not named");
                let there = tiles.iter().find(|(other, _)| *other == tile);
                hash_in(&there.ok_or(TileError::Missing)?.1, node)
            })
        };
        let root = from_tiles(&root_plan(size)).unwrap()[0];
        let mut tree = dutyledger_record::Frontier::empty();
        all.iter().for_each(|leaf| tree.push(*leaf));
        assert_eq!(root, tree.root(), "{size} leaves");
        for part in [0, 1, size / 3, size / 2, size - 1] {
            if part >= size {
                continue;
            }
            let proof = from_tiles(&inclusion_plan(part, size).unwrap()).unwrap();
            let leaf = &all[usize::try_from(part).unwrap()];
            assert_eq!(verify_inclusion(part, size, leaf, &proof, &root), Ok(()));
            let old = part + 1;
            let proof = from_tiles(&consistency_plan(old, size).unwrap()).unwrap();
            let mut old_tree = dutyledger_record::Frontier::empty();
            all[..usize::try_from(old).unwrap()]
                .iter()
                .for_each(|leaf| old_tree.push(*leaf));
            let holds = verify_consistency(old, &old_tree.root(), size, &root, &proof);
            assert_eq!(holds, Ok(()), "{old} of {size}");
        }
    }
}

#[test]
fn the_bytes_of_tiles_and_bundles_are_as_many_as_their_width_says() {
    let tile = |width| Tile {
        holds: Holds::Hashes(0),
        index: 0,
        width,
    };
    let hashes = leaves(3);
    let bytes = write_hashes(&hashes);
    assert_eq!(read_hashes(tile(3), &bytes), Ok(hashes));
    for (width, bytes) in [(2, &bytes[..]), (4, &bytes[..]), (3, &bytes[1..])] {
        assert_eq!(read_hashes(tile(width), bytes), Err(TileError::Bytes));
    }
    let entries: [&[u8]; 3] = [b"one", b"", b"three"];
    let bytes = write_entries(entries).unwrap();
    assert_eq!(bytes, b"\0\x03one\0\0\0\x05three");
    assert_eq!(read_entries(tile(3), &bytes), Ok(entries.to_vec()));
    for (width, bytes) in [
        (2, &bytes[..]),
        (4, &bytes[..]),
        (3, &bytes[..bytes.len() - 1]),
        (3, &[&bytes[..], b"\0"].concat()[..]),
        (1, b"\xff\xffx"),
    ] {
        assert_eq!(read_entries(tile(width), bytes), Err(TileError::Bytes));
    }
    let long = vec![b'x'; 65_536];
    assert_eq!(
        write_entries([&long[..]]),
        Err(TileError::EntryTooLong(65_536))
    );
    assert!(dutyledger_record::ENTRY_BYTES_MAX <= usize::from(u16::MAX));
}

proptest! {
    #[test]
    fn any_tile_has_a_path_that_names_it(
        level in prop::option::of(0u8..=7),
        index in any::<u64>(),
        width in 1u16..=256,
    ) {
        let holds = level.map_or(Holds::Entries, Holds::Hashes);
        let tile = Tile { holds, index, width };
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn no_text_makes_the_reading_of_a_path_panic(path in "(tile/)?[0-9a-z/.x]{0,40}") {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn no_bytes_make_the_reading_of_entries_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        width in 1u16..=256,
    ) {
        let tile = Tile { holds: Holds::Entries, index: 0, width };
        if let Ok(entries) = read_entries(tile, &bytes) {
            prop_assert_eq!(write_entries(entries), Ok(bytes));
        }
    }
}
