// Runs in the browser: measures the contrast of each visible text and bar with its background, as WCAG 2 defines it.
(() => {
  const luminance = (color) => {
    const [r, g, b] = color.match(/[\d.]+/g).map((channel) => {
      const c = Number(channel) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const isClear = (color) => /^(none|rgba\(.*, 0\))$/.test(color);
  const backgroundOf = (element) => {
    if (!element) return 'rgb(255, 255, 255)';
    const shape = element.parentElement?.querySelector(':scope > rect'); // in SVG a text is drawn over its sibling
    const color = shape ? getComputedStyle(shape).fill : getComputedStyle(element).backgroundColor;
    return isClear(color) ? backgroundOf(element.parentElement) : color;
  };
  const measure = (element, color, background, minimum) => {
    const [darker, lighter] = [luminance(color), luminance(background)].sort((a, b) => a - b);
    const name = element.textContent.trim() || element.className;
    return { name, color, background, ratio: (lighter + 0.05) / (darker + 0.05), minimum };
  };
  const measureText = (element) => {
    const { color, fill } = getComputedStyle(element);
    return measure(element, element.ownerSVGElement ? fill : color, backgroundOf(element), 4.5);
  };
  const measureBar = (element) =>
    measure(element, getComputedStyle(element).backgroundColor, backgroundOf(element.parentElement), 3);
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
  const visible = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const texts = visible('body *:not(script, style, title)').filter(hasText);
  return { texts: texts.map(measureText), bars: visible('.bar').map(measureBar) };
})();
