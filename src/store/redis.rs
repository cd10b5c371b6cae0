//! .
pub struct RedisStore;
