import { loadConfig } from './config/config.ts';

/** The settings of this process. */
export const config = loadConfig(process.env);
