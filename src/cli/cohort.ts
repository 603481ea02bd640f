#!/usr/bin/env node
/** The program `cohort`. All of it is in `main.ts`. */
import process from "node:process";
import { main } from "./main.ts";

process.exit(await main(process.argv.slice(2)));
