// What pages do where JavaScript is on, and do without where it is off: the summary of errors has the focus, a form
// is sent once, and pages that say so keep themselves up to date. Nothing else is here.
(function () {
  'use strict';

  var summary = document.querySelector('.govuk-error-summary');
  if (summary) { summary.setAttribute('tabindex', '-1'); summary.focus(); }

  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = 'yes';
    setTimeout(function () { delete form.dataset.sent; }, 3000);
  });
  window.addEventListener('pageshow', function () {
    document.querySelectorAll('form[data-sent]').forEach(function (form) { delete form.dataset.sent; });
  });

  var live = document.getElementById('live');
  if (!live) { return; }
  var control = document.getElementById('live-control');
  if (control) { control.hidden = false; }
  if (live.dataset.live !== 'on') { return; }

  var seen = '', wait = 2000, timer = null;

  // Whoever is at something in the page is not disturbed.
  function busy() {
    var selection = window.getSelection();
    return live.contains(document.activeElement) || live.querySelector('input:checked') !== null ||
      (selection && !selection.isCollapsed && live.contains(selection.anchorNode));
  }

  function later() { clearTimeout(timer); timer = setTimeout(look, wait); }

  function look() {
    if (document.hidden) { return; }
    if (busy()) { later(); return; }
    var begun = Date.now();
    var headers = { 'X-Live': '1' };
    if (seen) { headers['If-None-Match'] = seen; }
    fetch(location.href, { headers: headers, credentials: 'same-origin', redirect: 'manual' }).then(function (answer) {
      // The slower the server, the longer it is left alone.
      wait = Math.min(30000, Math.max(1000, 10 * (Date.now() - begun), answer.status === 304 ? wait * 1.5 : 2000));
      if (answer.status === 401 || answer.type === 'opaqueredirect') { location.reload(); return null; }
      if (answer.status !== 200) { later(); return null; }
      seen = answer.headers.get('ETag') || '';
      return answer.text();
    }).then(function (text) {
      if (!text) { if (text !== null) { later(); } return; }
      var fresh = new DOMParser().parseFromString(text, 'text/html').getElementById('live');
      if (fresh && !busy()) {
        live.replaceChildren.apply(live, Array.from(fresh.childNodes));
        if (fresh.dataset.live !== 'on') { return; }
      }
      later();
    }).catch(function () { wait = 30000; later(); });
  }

  document.addEventListener('visibilitychange', function () { if (!document.hidden) { wait = 2000; later(); } });
  later();
}());
