/** The theme in force, for whatever draws text: a component says what a text means, and never a colour. */
import { createContext } from 'react';
import { TERMINAL, type Theme } from '../themes.ts';

export const ThemeContext = createContext<Theme>(TERMINAL);
