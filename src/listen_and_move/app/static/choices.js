// What the server offers to choose from, asked once: dials, settings, presets, limits.

import { get, notice } from "./api.js";

export const choices = await get("/api/choices").catch((error) => {
  notice(error.message, "error");
  return { dials: [], settings: {}, presets: {}, pictures: {} };
});
