"use strict";
// The page of the chat example: one WebSocket to /chat, made again whenever it is lost.

const $ = (id) => document.getElementById(id);
const kept = (key, fallback) => sessionStorage.getItem(key) ?? fallback;

let socket = null;
let me = "";
let here = new Map();  // id -> name
let attempt = 0;

$("room").value = new URLSearchParams(location.search).get("room") ?? kept("room", "lobby");
$("name").value = kept("name", `Guest ${Math.floor(100 + Math.random() * 900)}`);

/** A colour of its own for each guest. */
const colour = (id) => `hsl(${[...id].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 360, 7)} 55% 48%)`;

function state(text, kind = "") {
  $("state").textContent = text;
  $("state").className = kind;
  $("text").disabled = $("send").disabled = kind !== "open";
}

function add(line) {
  const list = $("messages");
  const follows = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  list.append(line);
  while (list.children.length > 500) list.firstChild.remove();
  if (follows) list.scrollTop = list.scrollHeight;
}

function note(text) {
  const line = document.createElement("li");
  line.className = "note";
  line.textContent = text;
  add(line);
}

function said(message) {
  const line = document.createElement("li");
  line.className = message.id === me ? "said mine" : "said";
  const who = document.createElement("b");
  who.textContent = message.name;
  who.style.color = colour(message.id);
  const when = document.createElement("time");
  when.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  who.append(when);
  line.append(who, message.text);
  add(line);
}

function show_here() {
  $("count").textContent = here.size;
  $("here").replaceChildren(...[...here].map(([id, name]) => {
    const line = document.createElement("li");
    const dot = document.createElement("i");
    dot.style.background = colour(id);
    line.className = id === me ? "me" : "";
    line.append(dot, id === me ? `${name} (you)` : name);
    return line;
  }));
}

function hear(message) {
  switch (message.type) {
    case "welcome":
      me = message.id;
      here = new Map(Object.entries(message.here));
      attempt = 0;
      state("connected", "open");
      note(`You are in “${$("room").value}”. Open this page in another tab and talk to yourself.`);
      $("text").focus();
      break;
    case "joined":
      here.set(message.id, message.name);
      if (message.id !== me) note(`${message.name} came in`);
      break;
    case "left":
      here.delete(message.id);
      note(`${message.name} left`);
      break;
    case "said":
      said(message);
      break;
  }
  show_here();
}

function connect() {
  const query = new URLSearchParams({ room: $("room").value, name: $("name").value }).toString().replaceAll("+", "%20");
  const made = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/chat?${query}`);
  socket = made;
  state("connecting …");
  made.onmessage = (event) => made === socket && hear(JSON.parse(event.data));
  made.onclose = () => {
    if (made !== socket) return;  // left for another room
    here.clear();
    show_here();
    // Everybody is told to come back at the same moment when a proxy goes: not all at once, then.
    const wait = Math.min(10, 0.4 * 2 ** attempt++) * (0.5 + Math.random() / 2);
    state("connection lost, trying again …", "lost");
    setTimeout(() => made === socket && connect(), wait * 1000);
  };
}

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("room", $("room").value);
  sessionStorage.setItem("name", $("name").value);
  $("messages").replaceChildren();
  const old = socket;
  connect();
  old?.close(1000);
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text || socket.readyState !== WebSocket.OPEN) return;
  socket.send(text);
  $("text").value = "";
});

sessionStorage.setItem("name", $("name").value);
connect();
