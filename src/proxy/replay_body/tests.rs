use http_body_util::BodyExt;

use super::*;

fn record(memory_limit: usize, budget: &Arc<ReplayMemory>) -> Record {
    Record {
        chunks: Vec::new(),
        tail: BytesMut::new(),
        memory: 0,
        memory_limit,
        spill: None,
        spilled: 0,
        spill_limit: 0,
        spill_dir: None,
        budget: Arc::clone(budget),
    }
}

#[test]
fn a_body_in_tiny_pieces_takes_the_memory_that_it_is_counted_with() {
    const LENGTH: usize = 100_000;
    let gauge = IntGauge::new("replay_buffer_bytes", "bytes").unwrap();
    let budget = Arc::new(ReplayMemory::new(LENGTH, gauge.clone()));
    let mut record = record(LENGTH, &budget);
    let body: Vec<u8> = (0..=u8::MAX).cycle().take(LENGTH).collect();
    for byte in &body {
        // As it comes: a byte that keeps a whole read buffer alive.
        let mut read = Bytes::from(vec![*byte; 1024]);
        read.truncate(1);
        assert!(record.add(&read));
        assert!(read.is_unique(), "the record keeps no read buffer");
    }
    record.end_piece();
    assert!(record.chunks.len() <= LENGTH / PIECE + 1);
    assert_eq!(record.chunks.concat(), body);
    assert_eq!(gauge.get(), i64::try_from(LENGTH).unwrap());
    assert!(!record.add(&Bytes::from_static(b"x")), "the limit is reached");
    drop(record);
    assert_eq!(gauge.get(), 0);
}

#[tokio::test]
async fn a_body_that_is_being_sent_again_is_whole_although_the_org_has_answered_already() {
    const LENGTH: usize = 3 * PIECE + 1;
    let gauge = IntGauge::new("replay_buffer_bytes", "bytes").unwrap();
    let budget = Arc::new(ReplayMemory::new(LENGTH, gauge.clone()));
    let mut record = record(LENGTH, &budget);
    let sent = Bytes::from(vec![7; LENGTH]);
    assert!(record.add(&sent));
    let body = ReplayBody(Some(Arc::new(Mutex::new(Recording {
        source: None,
        record: Some(record),
        sending: 1,
        progress: Instant::now(),
        caller_failed: false,
        accepted: false,
        reads_record: false,
    }))));

    let mut again = body.send(None);
    let mut received = again.frame().await.unwrap().unwrap().into_data().unwrap().to_vec();
    body.forget();
    while let Some(frame) = again.frame().await {
        received.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(received, sent);
    assert_eq!(gauge.get(), 0, "what was recorded is dropped when it has been read");
}
