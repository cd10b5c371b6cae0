// <orgpass-connect link="https://connect.example.com/connect/...">Connect Salesforce</orgpass-connect>
//
// Opens the link in a window and tells the page how it ended, by one of the events "connected", "cancelled" and "failed".
// The link is made by the page's own server (POST /v1/tenants/{tenant}/connection/link); with `link-from="/my/route"` it
// is asked for when the button is pressed: that route answers {"url": "..."}.

const POLL_MS = 1500;
const WINDOW = "popup,width=560,height=760";

class OrgpassConnect extends HTMLElement {
  #button;
  #window = null;
  #timer = null;
  #link = null;
  #failed = false;

  connectedCallback() {
    if (this.#button) return;
    this.#button = document.createElement("button");
    this.#button.type = "button";
    this.#button.append(...this.childNodes);
    if (!this.#button.textContent.trim()) this.#button.textContent = "Connect Salesforce";
    this.#button.addEventListener("click", () => this.#open());
    this.append(this.#button);
    addEventListener("message", this.#heard);
  }

  disconnectedCallback() {
    removeEventListener("message", this.#heard);
    clearInterval(this.#timer);
  }

  async #open() {
    // Opened at once: browsers allow a window only while the click lasts.
    this.#window = open("about:blank", "orgpass-connect", WINDOW);
    try {
      this.#link = new URL(this.getAttribute("link") ?? (await this.#ask()));
    } catch (error) {
      this.#window?.close();
      return this.#end("failed", String(error));
    }
    if (this.#window) this.#window.location = this.#link;
    else location.assign(this.#link);
    this.#button.disabled = true;
    this.#failed = false;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), POLL_MS);
  }

  async #ask() {
    const answer = await fetch(this.getAttribute("link-from"), { method: "POST", credentials: "same-origin" });
    if (!answer.ok) throw new Error(`no link: ${answer.status}`);
    return (await answer.json()).url;
  }

  #heard = (event) => {
    const known = this.#link && event.origin === this.#link.origin && event.data?.source === "orgpass";
    if (!known) return;
    // The person can try again in the same window.
    if (event.data.status === "failed" && this.#timer) {
      this.#failed = true;
      this.#tell("failed");
    } else this.#end(event.data.status);
  };

  // The window may have lost its opener on the way through Salesforce, so the hub is asked as well.
  async #look() {
    const closed = this.#window?.closed;
    let status = "waiting";
    try {
      status = (await (await fetch(`${this.#link}/status`, { credentials: "omit" })).json()).status;
    } catch {
      // The hub may not allow this page to ask; then the message or the closed window tells.
    }
    if (status !== "waiting") this.#end(status === "expired" ? "failed" : status);
    else if (closed) this.#end(this.#failed ? "closed" : "cancelled");
  }

  #end(status, detail = null) {
    if (!this.#timer && status !== "failed") return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#button.disabled = false;
    if (status === "connected" || status === "cancelled") this.#window?.close();
    if (status !== "closed") this.#tell(status, detail);
  }

  #tell(status, detail = null) {
    this.dispatchEvent(new CustomEvent(status, { bubbles: true, detail }));
  }
}

customElements.define("orgpass-connect", OrgpassConnect);
