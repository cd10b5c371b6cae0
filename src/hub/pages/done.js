// Tells the page that opened this window how it ended, and nobody else; then closes the window.
const { opener: origin, status } = document.currentScript.dataset;
if (window.opener && origin) {
  window.opener.postMessage({ source: "orgpass", status }, origin);
  if (status !== "failed") setTimeout(() => window.close(), 1500);
}
