"""How the form looks: rules for stock widgets, which know no classes of ours.

What lives here: the stylesheet, with the colours of the page only. What does not: the widgets (``form``).
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """<style>
.wb-form { container-type: inline-size; color: var(--jp-ui-font-color1); max-width: 100%; overflow: hidden auto; }
.wb-form {
  .wb-form-bar, .wb-form-line { flex-flow: row wrap; align-items: center; gap: 2px 8px; }
  .wb-form-bar .widget-text { flex: 1 1 220px; width: auto; min-width: 0; }
  .wb-form-bar .widget-text .widget-label { width: auto; }
  .wb-form-bar .widget-toggle-button { width: auto; }
  .wb-form-group { overflow: hidden; }
  .wb-form-group > .widget-toggle-button {
    width: calc(100% - 4px); text-align: left; padding: 0 10px; font-weight: 600; box-shadow: none;
    background: var(--jp-layout-color2); color: var(--jp-ui-font-color1);
  }
  .wb-form-row { padding: 1px 4px 1px 8px; overflow: hidden; }
  .wb-form-control { flex: 1 1 300px; width: auto; min-width: 0; max-width: 640px; }
  .wb-form-control { height: auto; min-height: 28px; }
  .wb-form-control select { height: 28px; }
  .wb-form-control .widget-label { text-align: left; white-space: normal; line-height: 1.25; height: auto; }
  .wb-form-control .widget-label { align-self: center; }
  .widget-checkbox.wb-form-control .widget-label-basic { width: auto; }
  .wb-form-source { min-width: 84px; }
  .wb-form-badge {
    font-size: 11px; line-height: 16px; padding: 1px 7px; border-radius: 9px; white-space: nowrap;
    background: var(--jp-layout-color2); color: var(--jp-ui-font-color1);
  }
  .wb-form-default { background: none; color: var(--jp-ui-font-color2); }
  .wb-form-user { box-shadow: inset 0 0 0 1px var(--jp-brand-color1); }
  .wb-form-reset { width: auto; height: 24px; line-height: 22px; font-size: 12px; }
  .wb-form-wrong input { border-color: var(--jp-error-color1) !important; }
  .wb-form-fault { border-left: 3px solid var(--jp-error-color1); padding-left: 8px; height: auto; }
  .wb-form-fault .widget-html-content { line-height: 1.45; height: auto; white-space: normal; }
  .wb-form-python code { overflow-wrap: anywhere; }
  .jupyter-button:focus-visible, input:focus-visible, select:focus-visible {
    outline: 2px solid var(--jp-brand-color1); outline-offset: 1px;
  }
}
@container (max-width: 480px) {
  .wb-form .wb-form-source:has(.wb-form-default) { display: none; }
  .wb-form .wb-form-source { min-width: 0; }
  .wb-form .wb-form-control { flex-basis: 200px; }
}
</style>"""
