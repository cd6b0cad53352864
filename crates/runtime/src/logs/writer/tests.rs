use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Instant;

use super::*;

/// Far more than any step takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn lines(output: impl Write + Send + 'static, limit: usize) -> Lines {
    Lines::start(output, limit, &Metrics::new()).unwrap()
}

/// An output that accepts a limited number of bytes, one by one.
struct Stuck(mpsc::Receiver<()>, mpsc::SyncSender<u8>);

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.recv().map_err(|_| ErrorKind::BrokenPipe)?;
        self.1.send(bytes[0]).map_err(|_| ErrorKind::BrokenPipe)?;
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_nobody_reads_are_dropped_beyond_the_limit_and_counted() {
    let (allow, allowed) = mpsc::sync_channel(64);
    let (written, output) = mpsc::sync_channel(64);
    let lines = lines(Stuck(allowed, written), 10);
    lines.add(b"1234\n");
    wait_until(|| lines.buffer().is_writing);
    (0..5).for_each(|_| lines.add(b"abcd\n"));
    assert_eq!(lines.buffer().bytes, b"abcd\nabcd\n");
    assert_eq!((lines.buffer().dropped, lines.dropped.get()), (3, 3));

    (0..15).for_each(|_| allow.send(()).unwrap());
    lines.flush(DEADLINE);
    assert_eq!(output.try_iter().collect::<Vec<_>>(), b"1234\nabcd\nabcd\n");
    assert_eq!(lines.buffer().dropped, 0, "said in the log");
}

#[test]
fn a_flush_ends_though_nobody_reads() {
    let (_reader, output) = io::pipe().unwrap();
    let lines = lines(output, 200_000);
    lines.add(&[b'x'; 100_000]);
    let begun = Instant::now();
    lines.flush(Duration::from_millis(50));
    assert!(begun.elapsed() < DEADLINE / 2);
}

#[test]
fn lines_after_the_reader_has_gone_are_dropped_and_do_not_keep_a_flush_waiting() {
    let (reader, output) = io::pipe().unwrap();
    drop(reader);
    let lines = lines(output, 100);
    lines.add(b"1\n2\n");
    lines.flush(DEADLINE);
    assert_eq!(lines.dropped.get(), 2);
}

#[test]
fn an_output_that_does_not_block_gets_every_byte() {
    let (mut reader, output) = UnixStream::pair().unwrap();
    output.set_nonblocking(true).unwrap();
    let lines = lines(output, 400_000);
    let line = [[b'x'; 199_999].as_slice(), b"\n"].concat();
    lines.add(&line);
    let mut read = vec![0; line.len()];
    reader.read_exact(&mut read).unwrap();
    lines.flush(DEADLINE);
    assert_eq!((read == line, lines.dropped.get()), (true, 0));
}

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE);
        thread::yield_now();
    }
}
