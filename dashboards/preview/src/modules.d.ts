// Packages without types of their own, as far as they are used here.
declare module 'd3-scale-chromatic';
declare module 'react-router-dom' {
  import type { ComponentType, ReactNode } from 'react';
  export const MemoryRouter: ComponentType<{ children: ReactNode }>;
}
