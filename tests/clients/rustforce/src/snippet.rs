use rustforce::Client;

pub fn connect(local_token: &str) -> Client {
    let url = std::env::var("ORGPASS_URL").unwrap_or_else(|_| "http://127.0.0.1:8180".to_owned());
    let mut client = Client::new(None, None);
    client.set_instance_url(&url).set_access_token(local_token).set_version("v67.0");
    client
}
