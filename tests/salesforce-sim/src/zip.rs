//! Zip archives as deployments and retrievals carry them: small, in memory, stored or deflated.

use std::io::Read;

use flate2::Crc;
use flate2::read::DeflateDecoder;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// The most that one file unpacks to.
const LARGEST: u64 = 64 << 20;
/// 1980-01-01, the beginning of the format's time.
const DATE: u16 = 0x21;

/// A file's path and contents.
pub(crate) type File = (String, Vec<u8>);

/// The files of an archive, without its folders; `None` if it is none.
pub(crate) fn read(archive: &[u8]) -> Option<Vec<File>> {
    let end = (0..=archive.len().checked_sub(22)?).rev().find(|at| number(archive, *at, 4) == Some(END))?;
    let count = number(archive, end + 10, 2)?;
    let mut at = number(archive, end + 16, 4)? as usize;
    let mut files = Vec::new();
    for _ in 0..count {
        if number(archive, at, 4)? != CENTRAL {
            return None;
        }
        let [method, packed, name, extra, comment, local] = [(10, 2), (20, 4), (28, 2), (30, 2), (32, 2), (42, 4)]
            .map(|(offset, size)| number(archive, at + offset, size));
        let (name, packed) = (name? as usize, packed? as usize);
        let path = std::str::from_utf8(archive.get(at + 46..at + 46 + name)?).ok()?;
        if !path.ends_with('/') {
            files.push((path.to_owned(), contents(archive, local? as usize, packed, method?)?));
        }
        at += 46 + name + extra? as usize + comment? as usize;
    }
    Some(files)
}

fn contents(archive: &[u8], local: usize, packed: usize, method: u32) -> Option<Vec<u8>> {
    if number(archive, local, 4)? != LOCAL {
        return None;
    }
    let start = local + 30 + number(archive, local + 26, 2)? as usize + number(archive, local + 28, 2)? as usize;
    let data = archive.get(start..start.checked_add(packed)?)?;
    match method {
        0 => Some(data.to_vec()),
        8 => {
            let mut plain = Vec::new();
            DeflateDecoder::new(data).take(LARGEST).read_to_end(&mut plain).ok()?;
            Some(plain)
        }
        _ => None,
    }
}

/// A little-endian number of two or four bytes.
fn number(archive: &[u8], at: usize, size: usize) -> Option<u32> {
    let bytes = archive.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

/// An archive of these files, stored as they are.
pub(crate) fn write(files: &[File]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (path, contents) in files {
        let local = size(archive.len());
        let mut crc = Crc::new();
        crc.update(contents);
        // What both headers say: version, flags (names are UTF-8), method, time, date, sum, sizes, length of the name.
        let mut common = Vec::new();
        for short in [20, 0x0800, 0, 0, DATE] {
            common.extend_from_slice(&short.to_le_bytes());
        }
        for long in [crc.sum(), size(contents.len()), size(contents.len())] {
            common.extend_from_slice(&long.to_le_bytes());
        }
        common.extend_from_slice(&short(path.len()).to_le_bytes());
        common.extend_from_slice(&[0; 2]);
        archive.extend_from_slice(&LOCAL.to_le_bytes());
        archive.extend_from_slice(&common);
        archive.extend_from_slice(path.as_bytes());
        archive.extend_from_slice(contents);
        directory.extend_from_slice(&CENTRAL.to_le_bytes());
        directory.extend_from_slice(&20_u16.to_le_bytes());
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&local.to_le_bytes());
        directory.extend_from_slice(path.as_bytes());
    }
    let start = size(archive.len());
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(&END.to_le_bytes());
    archive.extend_from_slice(&[0; 4]);
    let count = short(files.len()).to_le_bytes();
    archive.extend_from_slice(&[count, count].concat());
    archive.extend_from_slice(&size(directory.len()).to_le_bytes());
    archive.extend_from_slice(&start.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}

fn size(length: usize) -> u32 {
    u32::try_from(length).expect("what is kept of an org is far smaller than 4 GiB")
}

fn short(length: usize) -> u16 {
    u16::try_from(length).expect("no more files, and no longer names, than the format allows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let files = vec![("package.xml".to_owned(), b"<Package/>".to_vec()), ("classes/A.cls".to_owned(), vec![0; 9])];
        assert_eq!(read(&write(&files)).unwrap(), files);
        assert_eq!(read(&write(&[])).unwrap(), []);
    }

    #[test]
    fn a_deflated_file_is_unpacked_and_a_folder_is_none() {
        // Made by Python's zipfile: the folder `d/`, and `d/a` with a hundred letters in it.
        let archive = include_bytes!("zip/deflated.zip");
        assert_eq!(read(archive).unwrap(), [("d/a".to_owned(), vec![b'x'; 100])]);
        assert!(read(&archive[..archive.len() - 30]).is_none());
        assert!(read(b"").is_none());
    }
}
