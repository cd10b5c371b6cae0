//! The names in the paths, as the description has them; [`About`](super::caller::About) reads them.

use utoipa::IntoParams;

/// A tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "says what there is in the description")]
pub(super) struct OfTenant {
    /// The tenant's name, 1 to 128 visible ASCII characters
    #[param(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    tenant: String,
}

/// A tenant's user.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "says what there is in the description")]
pub(super) struct OfUser {
    /// The tenant's name, 1 to 128 visible ASCII characters
    #[param(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    tenant: String,
    /// The user's name, like a tenant's
    #[param(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    user: String,
}
