//! `orgpass connection link --device`: the person types a code, here or anywhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::operator::Operator;
use super::{Exit, Failure, Surroundings};
use crate::connection::{Cause, ConnectionKey};
use crate::management::{Connected, DEVICE_PATIENCE, DeviceRequest, DeviceState, Refusal};

/// What RFC 8628 says of polls that come too fast.
const SLOWER: Duration = Duration::from_secs(5);

/// Shows the code and waits until it was typed.
pub(super) async fn connect(
    key: &ConnectionKey,
    request: DeviceRequest,
    operator: &mut Operator,
    around: &mut Surroundings<'_>,
) -> Result<Exit, Failure> {
    let login = operator.begin_device(key, request).await.map_err(explained)?;
    writeln!(around.output, "Open {} and type the code {}", login.verification_uri, login.user_code)?;
    around.output.flush()?;
    let waiting = progress(around.interactive);
    let (deadline, mut pause) = (Instant::now() + DEVICE_PATIENCE, Duration::from_secs(login.interval));
    let connected = loop {
        if Instant::now() >= deadline {
            break Err(Refusal::Unavailable { message: "the code was not typed in ten minutes".to_owned() });
        }
        waiting.set_message(format!("waiting for {}", login.user_code));
        tokio::time::sleep(pause).await;
        match operator.poll_device(login.id).await {
            Ok(DeviceState::Pending) => {}
            Ok(DeviceState::SlowDown) => pause += SLOWER,
            Ok(DeviceState::Connected(connected)) => break Ok(connected),
            Err(Refusal::Unavailable { .. } | Refusal::Busy) => pause += SLOWER,
            Err(refusal) => break Err(refusal),
        }
    };
    waiting.finish_and_clear();
    let word = match connected.map_err(explained)? {
        Connected::Created => "connected",
        Connected::Reconnected => "connected again",
    };
    writeln!(around.output, "{key} is {word}.")?;
    Ok(Exit::Success)
}

/// Salesforce's own words do not say it.
fn explained(refusal: Refusal) -> Failure {
    let blocked =
        matches!(refusal, Refusal::Refused(Cause::AppNotInstalled | Cause::AppBlocked | Cause::RequestRefused));
    let mut failure = Failure::from(refusal);
    if blocked {
        failure.message.push_str(
            ". Salesforce blocks the device flow unless it is enabled for the app and, since September 2025, unless the \
             app is installed in the org; a link works without: leave out --device",
        );
    }
    failure
}

fn progress(interactive: bool) -> ProgressBar {
    let target = if interactive { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{spinner} {msg}, {elapsed}").expect("the template is valid");
    let progress = ProgressBar::with_draw_target(None, target).with_style(style);
    if interactive {
        progress.enable_steady_tick(Duration::from_millis(200));
    }
    progress
}
