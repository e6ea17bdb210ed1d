// What opens below a text: reasons, labels, the text to correct, a comment. `page.js` says what its buttons do.

const PANELS = { reject: "panel-reject", relabel: "panel-label", edit: "panel-edit", "comment-on": "panel-comment" };
let open = null; // the button whose panel is open

function toggle(name) {
  const was = open;
  close();
  if (was === name) return;
  open = name;
  const panel = $(PANELS[name]);
  panel.hidden = false;
  $(name).setAttribute("aria-expanded", "true");
  if (name === "edit") {
    $("edited").value = here().text ?? rows[state.at].text;
    invisible();
  }
  if (name === "comment-on") $("comment").value = here().comment ?? "";
  if (name === "relabel") {
    for (const button of $("labels").children)
      button.setAttribute("aria-pressed", String(button.value === (here().label ?? rows[state.at].label)));
  }
  panel.querySelector("textarea, .choices button").focus();
  panel.scrollIntoView({ block: "nearest" });
}

function close() {
  if (open === null) return;
  const panel = $(PANELS[open]);
  const inside = panel.contains(document.activeElement);
  panel.hidden = true;
  $(open).setAttribute("aria-expanded", "false");
  open = null;
  if (inside) $("where").focus();
}

function invisible() {
  const found = [...new Set([...$("edited").value].filter(isHidden).map(nameOf))];
  $("invisible").hidden = $("edit-strip").hidden = !found.length;
  $("invisible").textContent = `It holds characters that cannot be seen: ${found.join(", ")}`;
}

function choices(node, entries, choose) {
  node.replaceChildren(
    ...entries.map(([value, text, about], number) => {
      const button = document.createElement("button");
      button.type = "button";
      button.value = value;
      if (number < 9) {
        const key = document.createElement("kbd");
        key.textContent = number + 1;
        button.append(key, " ");
      }
      const name = document.createElement("span");
      name.dir = "auto";
      name.textContent = text;
      button.append(name);
      if (about) {
        const small = document.createElement("small");
        small.textContent = about;
        button.append(" ", small);
      }
      button.addEventListener("click", () => choose(value));
      return button;
    }),
  );
}
