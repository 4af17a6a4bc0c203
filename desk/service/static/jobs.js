// Jobs: their progress as it is told, and their panel again once they have ended.
"use strict";

// <span data-follow="id of a job"> says how far it is; so does each [data-live] of its panel.
function follow(line) {
  const panel = line.closest("[data-load]");
  const source = new EventSource(`/api/jobs/${line.dataset.follow}/events`);
  source.onmessage = ({ data }) => {
    const job = JSON.parse(data);
    if (job.state !== "queued" && job.state !== "running") {
      source.close();
      say(job.state === "failed" ? `The ${job.kind} failed.` : `The ${job.kind} is ${job.state}.`, job.state === "failed");
      return load(panel);
    }
    const words = job.state === "queued" ? job.waits_for || "Waits for its turn." : `Runs: ${job.progress || "starting"}.`;
    for (const each of [line, ...panel.querySelectorAll("[data-live]")]) if (each.textContent !== words) each.textContent = words;
  };
  source.onerror = () => {
    if (!line.isConnected) return source.close(); // its panel was loaded again
    if (source.readyState === EventSource.CLOSED) setTimeout(() => line.isConnected && follow(line), 10000); // too many
  };
}

document.addEventListener("loaded", ({ target }) => target.querySelectorAll("[data-follow]").forEach(follow));
document.querySelectorAll("[data-follow]").forEach(follow); // of a panel that was loaded before this script
